"""The object store behind signed URLs: answers reads of the checkout buckets as S3 does."""
