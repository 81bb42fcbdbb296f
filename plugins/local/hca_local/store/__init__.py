"""What a deployment keeps: records in SQLite, bytes in content-addressed files."""
