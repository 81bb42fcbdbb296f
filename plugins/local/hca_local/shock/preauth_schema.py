"""The table of the pre-authorized URLs. What it holds opens nothing: of the secret in a URL only a hash is there."""

TABLES = """
CREATE TABLE shock_preauth (
  hash TEXT NOT NULL PRIMARY KEY, -- SHA-256 of what the URL ends with
  expires REAL NOT NULL,          -- seconds since 1970
  what TEXT NOT NULL              -- JSON: the nodes, and how they are sent
) WITHOUT ROWID;
CREATE INDEX shock_preauth_by_expiry ON shock_preauth (expires);
"""
