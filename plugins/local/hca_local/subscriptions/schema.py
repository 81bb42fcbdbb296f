"""The tables of subscriptions and of the calls that are still to be made."""

TABLES = """
CREATE TABLE subscriptions (
  uuid TEXT NOT NULL PRIMARY KEY,
  replica TEXT NOT NULL,
  type TEXT NOT NULL,            -- jmespath or elasticsearch
  owner TEXT NOT NULL,           -- an e-mail address
  document TEXT NOT NULL         -- JSON, with the signing key
) WITHOUT ROWID;
CREATE INDEX subscriptions_by_replica ON subscriptions (replica);
CREATE INDEX subscriptions_by_owner ON subscriptions (owner);
CREATE TABLE deliveries (        -- written with the event itself, so that a kill loses none
  number INTEGER PRIMARY KEY,
  subscription TEXT NOT NULL REFERENCES subscriptions (uuid),
  payload BLOB NOT NULL,         -- JSON in UTF-8
  attempts INTEGER NOT NULL,     -- how many were made
  due REAL NOT NULL              -- when the next is to be made, in seconds since 1970
);
CREATE INDEX deliveries_by_subscription ON deliveries (subscription, due);
"""
