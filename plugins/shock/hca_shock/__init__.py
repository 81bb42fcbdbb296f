"""Shock data servers: command line and Python API."""
