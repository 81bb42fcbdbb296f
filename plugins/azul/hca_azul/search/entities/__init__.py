"""Verbs that show entities: projects, samples, files, bundles."""
