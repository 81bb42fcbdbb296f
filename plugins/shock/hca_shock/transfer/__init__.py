"""Uploads and downloads: verified, and resumed where they broke off."""
