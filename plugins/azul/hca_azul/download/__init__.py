"""Downloads: where the bytes of a file are, where they go, and one run of them."""
