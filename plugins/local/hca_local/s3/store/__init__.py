"""What the S3 server keeps: rows in one SQLite database, bytes in files that we name."""
