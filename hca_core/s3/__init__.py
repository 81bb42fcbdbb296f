"""Object stores that speak S3: what plugins need to send files there, on boto3's client. Needs `hca-core[s3]`."""
