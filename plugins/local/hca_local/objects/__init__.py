"""The object store behind signed URLs: answers reads of the buckets as S3 does."""
