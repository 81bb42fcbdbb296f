"""The open-data mirror: a bucket that anybody may read, with files named by their digests (contract §11)."""
