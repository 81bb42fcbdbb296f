"""The tables of a store. Keys are those of the service's buckets without the folder: order is key order."""

from hca_local.events import schema as events
from hca_local.fusillade import schema as fusillade
from hca_local.identity import schema as identity
from hca_local.identity import service_accounts
from hca_local.search import schema as search
from hca_local.shock import accounts_schema, preauth_schema, search_schema
from hca_local.shock import schema as shock
from hca_local.subscriptions import schema as subscriptions
from hca_local.upload import schema as upload
from hca_local.upload.buckets import schema as upload_buckets

FORMAT = 5
APPLICATION_ID = 0x48434131  # "HCA1": tells our database from anybody else's

_OWN = """
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
CREATE TABLE copies (            -- source objects that are being copied behind the answers, and those that failed
  task TEXT NOT NULL PRIMARY KEY,
  replica TEXT NOT NULL,
  key TEXT NOT NULL,             -- <uuid>.<version> of the file to be
  creator_uid INTEGER NOT NULL,
  source_url TEXT NOT NULL,
  sums TEXT NOT NULL,            -- the object key that the source's checksums promise
  failure TEXT                   -- why it failed; NULL while it runs
) WITHOUT ROWID;
CREATE INDEX copies_by_key ON copies (replica, key);
CREATE TABLE replications (      -- what the other replica does not have yet
  number INTEGER PRIMARY KEY,
  due REAL NOT NULL,             -- seconds since 1970
  source TEXT NOT NULL,
  kind TEXT NOT NULL,            -- file, bundle, tombstone, collection or collection_tombstone
  key TEXT NOT NULL
);
CREATE TABLE checkout_jobs (
  id TEXT NOT NULL PRIMARY KEY,
  replica TEXT NOT NULL,
  bundle TEXT NOT NULL,          -- <uuid>.<version>
  destination TEXT,              -- a bucket of the user; NULL for the checkout bucket
  email TEXT,
  status TEXT NOT NULL,          -- RUNNING, SUCCEEDED or FAILED
  told TEXT NOT NULL             -- the location of the files, or the cause of the failure
) WITHOUT ROWID;
CREATE TABLE collections (
  replica TEXT NOT NULL,
  key TEXT NOT NULL,             -- <uuid>.<version>
  owner TEXT NOT NULL,           -- an e-mail address
  document TEXT NOT NULL,        -- JSON
  PRIMARY KEY (replica, key)
) WITHOUT ROWID;
CREATE TABLE collection_tombstones (
  replica TEXT NOT NULL,
  uuid TEXT NOT NULL,
  PRIMARY KEY (replica, uuid)
) WITHOUT ROWID;
CREATE TABLE owned_collections ( -- what GET /collections lists: the versions that an owner has PUT
  owner TEXT NOT NULL,
  key TEXT NOT NULL,             -- <uuid>.<version>
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
"""

# What came with which format; an older store gets the tables when it is opened.
_OF_USERS = (fusillade.TABLES, identity.TABLES, service_accounts.SERVICE_ACCOUNT_TABLES)
_OF_UPLOADS = (upload.TABLES, upload_buckets.TABLES)
_OF_SHOCK = (accounts_schema.TABLES, shock.TABLES, search_schema.TABLES, preauth_schema.TABLES)
_PARTS = (_OWN, search.TABLES, events.TABLES, subscriptions.TABLES)


def _joined(parts: tuple[str, ...]) -> str:
    return ";\n".join(part.strip().removesuffix(";") for part in parts)


TABLES = _joined((*_PARTS, *_OF_USERS, *_OF_UPLOADS, *_OF_SHOCK))
NEW_IN = {3: _joined(_OF_USERS), 4: _joined(_OF_UPLOADS), 5: _joined(_OF_SHOCK)}
