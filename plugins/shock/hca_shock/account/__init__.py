"""Who the user is to a Shock server."""
