"""The tables of a store. Keys are those of the service's buckets without the folder: order is key order."""

FORMAT = 1
APPLICATION_ID = 0x48434131  # "HCA1": tells our database from anybody else's

TABLES = """
CREATE TABLE files (
  replica TEXT NOT NULL,
  key TEXT NOT NULL,             -- <uuid>.<version>
  creator_uid INTEGER NOT NULL,
  content_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  crc32c TEXT NOT NULL,
  s3_etag TEXT NOT NULL,
  sha1 TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  PRIMARY KEY (replica, key)
) WITHOUT ROWID;
CREATE TABLE bundles (
  number INTEGER PRIMARY KEY,
  replica TEXT NOT NULL,
  key TEXT NOT NULL,             -- <uuid>.<version>
  creator_uid INTEGER NOT NULL,
  file_count INTEGER NOT NULL,
  UNIQUE (replica, key)
);
CREATE TABLE bundle_files (      -- a page of a manifest is one range of this table
  bundle INTEGER NOT NULL REFERENCES bundles (number),
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  uuid TEXT NOT NULL,
  version TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  indexed INTEGER NOT NULL,
  crc32c TEXT NOT NULL,
  s3_etag TEXT NOT NULL,
  sha1 TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  PRIMARY KEY (bundle, position),
  UNIQUE (bundle, name)
) WITHOUT ROWID;
CREATE TABLE tombstones (
  replica TEXT NOT NULL,
  key TEXT NOT NULL,             -- <uuid> for all versions, <uuid>.<version> for one
  email TEXT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (replica, key)
) WITHOUT ROWID;
CREATE TABLE checkouts (         -- what the checkout bucket of a replica holds, or is being copied to it
  replica TEXT NOT NULL,
  key TEXT NOT NULL,             -- blobs/<...> or bundles/<uuid>.<version>
  redirects INTEGER NOT NULL,    -- how many times a client was told to wait
  ready INTEGER NOT NULL,
  PRIMARY KEY (replica, key)
) WITHOUT ROWID;
"""
