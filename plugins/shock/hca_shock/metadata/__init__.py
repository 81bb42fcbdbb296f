"""What a node is besides its bytes: attributes, name, tags, links, expiry."""
