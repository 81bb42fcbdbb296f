"""The Data Storage System of the Human Cell Atlas: client, verbs and downloads."""
