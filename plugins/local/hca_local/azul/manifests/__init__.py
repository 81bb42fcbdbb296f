"""Manifests: jobs that make them, and their formats (contract §7)."""
