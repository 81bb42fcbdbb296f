"""The authorization service of the Human Cell Atlas: client and verbs."""
