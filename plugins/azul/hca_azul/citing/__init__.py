"""Citations of projects: what a paper that uses their data names."""
