"""Azul, the data browser's service of the Human Cell Atlas, for hca."""
