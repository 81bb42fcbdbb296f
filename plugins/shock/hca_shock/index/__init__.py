"""Indexes of files, and pieces of files that they find."""
