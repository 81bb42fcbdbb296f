"""Staging buckets: where files come from, and where the files of a checkout may go."""
