"""Nodes for others: URLs that work once, archives, copies on other servers."""
