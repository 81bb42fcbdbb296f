"""The data services of the Human Cell Atlas as an embedded deployment on 127.0.0.1."""
