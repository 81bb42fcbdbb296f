"""Who the user is to the service."""
