"""The Data Storage System: the routes of its API description."""
