"""Verbs for those who have the Api-Key of a stage, a file of its own so that others need not load them."""
