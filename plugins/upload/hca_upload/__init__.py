"""The Upload Service of the Human Cell Atlas: client, transfers and verbs."""
