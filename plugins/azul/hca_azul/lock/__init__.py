"""Lock files: what a data set was made of, to get it again and to check it."""
