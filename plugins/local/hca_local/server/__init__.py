"""The HTTP server: what all services of a deployment have in common."""
