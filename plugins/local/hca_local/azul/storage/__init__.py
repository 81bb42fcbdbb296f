"""The object storage that signed URLs lead to: bytes of files and manifests, for whoever has the URL."""
