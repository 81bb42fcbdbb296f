"""The tables of logins. Of every secret that somebody holds there is only the SHA-256, which opens nothing."""

TABLES = """
CREATE TABLE sessions (          -- logins; one that has ended has no row
  id TEXT NOT NULL PRIMARY KEY,  -- the claim `sid` of its tokens
  email TEXT NOT NULL,
  scopes TEXT NOT NULL,          -- separated by spaces
  nonce TEXT NOT NULL,           -- of the application; empty for none
  since REAL NOT NULL,           -- when the password was given, in seconds since 1970
  expires REAL NOT NULL          -- not before the last of its tokens
) WITHOUT ROWID;
CREATE INDEX sessions_by_time ON sessions (expires);
CREATE TABLE browsers (          -- where somebody is logged in to these pages
  hash BLOB NOT NULL PRIMARY KEY,
  email TEXT NOT NULL,
  since REAL NOT NULL,           -- when the password was given, in seconds since 1970
  expires REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX browsers_by_time ON browsers (expires);
CREATE TABLE codes (             -- of the authorization code grant
  hash BLOB NOT NULL PRIMARY KEY,
  session TEXT REFERENCES sessions (id) ON DELETE CASCADE, -- what it gave; NULL until it is redeemed
  redirect_uri TEXT NOT NULL,
  challenge TEXT NOT NULL,       -- of PKCE: base64url of the SHA-256 of what only the application knows
  email TEXT NOT NULL,
  scopes TEXT NOT NULL,
  nonce TEXT NOT NULL,
  since REAL NOT NULL,
  expires REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX codes_by_time ON codes (expires);
CREATE INDEX codes_by_session ON codes (session);
CREATE TABLE refresh_tokens (
  hash BLOB NOT NULL PRIMARY KEY,
  session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  used REAL,                     -- when it was first used; NULL while it was not
  expires REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_time ON refresh_tokens (expires);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session);
CREATE TABLE devices (           -- programs that wait until somebody logs them in with a user code
  hash BLOB NOT NULL PRIMARY KEY,
  user_hash BLOB NOT NULL UNIQUE,
  scopes TEXT NOT NULL,
  interval REAL NOT NULL,        -- the seconds that it has to leave between two questions
  asked REAL NOT NULL,           -- when it asked last
  expires REAL NOT NULL,
  stage TEXT NOT NULL,           -- waiting, allowed, refused or, when it has its tokens, done
  email TEXT,                    -- who has allowed it
  since REAL                     -- when that person gave the password
) WITHOUT ROWID;
CREATE INDEX devices_by_time ON devices (expires);
"""
