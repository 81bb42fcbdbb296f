"""Downloads of files by their UUIDs: redirects to signed URLs (contract §8)."""
