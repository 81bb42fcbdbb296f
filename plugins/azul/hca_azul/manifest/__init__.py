"""Manifests: lists of files that the service makes, in several formats, and the rows in them."""
