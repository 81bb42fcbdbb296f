"""Locations, locks and the state of a server."""
