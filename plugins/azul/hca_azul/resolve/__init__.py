"""From an identifier of a file to a URL that gives its bytes."""
