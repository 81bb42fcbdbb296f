"""The table of the Shock service's users."""

TABLES = """
CREATE TABLE shock_users (
  number INTEGER PRIMARY KEY,    -- the order in which they became known
  uuid TEXT NOT NULL UNIQUE,     -- what nodes and their ACLs name them by
  name TEXT NOT NULL UNIQUE,
  fullname TEXT NOT NULL,
  email TEXT NOT NULL,
  admin INTEGER NOT NULL,
  password TEXT NOT NULL,        -- its scrypt hash, empty for one who may not log in but was named in an ACL
  token TEXT UNIQUE              -- what may be sent in place of name and password, NULL where there is no password
);
"""
