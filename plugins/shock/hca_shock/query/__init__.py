"""Finding nodes: conditions in words, what the server is asked, what is compared here."""
