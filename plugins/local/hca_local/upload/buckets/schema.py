"""The table of the session keys that areas were given."""

TABLES = """
CREATE TABLE session_keys (
  access_key_id TEXT NOT NULL PRIMARY KEY,
  secret TEXT NOT NULL,          -- signatures are checked with it, so it can't be kept as a digest
  session_token TEXT NOT NULL,
  area TEXT NOT NULL,            -- the uuid of the one area that it is for
  expires REAL NOT NULL          -- seconds since 1970
) WITHOUT ROWID;
CREATE INDEX session_keys_by_area ON session_keys (area);
"""
