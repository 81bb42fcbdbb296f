"""The search of the embedded DSS: an inverted index in SQLite, and the part of Elasticsearch 5 that people use."""
