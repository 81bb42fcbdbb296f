"""The tables of the search index: what Lucene has, as plain tables.

A document is kept as its distinct values only. Two bundle rows with one document, which is what replicas are, share it.
A document that no bundle has any more stays: deletions are rare, and to find its postings again would take a second
index as large as the first.
"""

TABLES = """
CREATE TABLE search_fields (     -- a path in documents, dots between its parts, with one kind of values
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,            -- see values.Kind
  UNIQUE (name, kind)
);
CREATE TABLE search_values (     -- the dictionary; without a row id, or each value would be there twice
  field INTEGER NOT NULL REFERENCES search_fields (number),
  value NOT NULL,                -- no type: a number must stay one
  number INTEGER NOT NULL,
  PRIMARY KEY (field, value)
) WITHOUT ROWID;
CREATE TABLE search_postings (   -- which documents have a value
  value INTEGER NOT NULL,
  document INTEGER NOT NULL,
  PRIMARY KEY (value, document)
) WITHOUT ROWID;
CREATE TABLE search_documents (
  number INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE
);
CREATE TABLE search_bundles (    -- which document a bundle has
  bundle INTEGER PRIMARY KEY REFERENCES bundles (number),
  document INTEGER NOT NULL REFERENCES search_documents (number)
);
CREATE INDEX search_bundles_by_document ON search_bundles (document);
CREATE TABLE search_state (      -- one row: what was found is valid while `changes` stays
  changes INTEGER NOT NULL
);
INSERT INTO search_state VALUES (0);
"""
