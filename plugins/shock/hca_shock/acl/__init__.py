"""Who may read, write and delete a node."""
