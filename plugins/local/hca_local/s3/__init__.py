"""An S3 server on disk: buckets, objects and multipart uploads behind AWS Signature Version 4."""
