"""Matrices of projects: trees of the index as rows."""
