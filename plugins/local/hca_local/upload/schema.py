"""The tables of the upload service. A file is an object in an area: a name and what its bytes are (ETag).

Who works on a row beside the store knows it by its number, so the number of one that is gone is never given again.
"""

TABLES = """
CREATE TABLE upload_areas (
  uuid TEXT NOT NULL PRIMARY KEY,
  status TEXT NOT NULL           -- UNLOCKED, LOCKED, DELETION_QUEUED, DELETING or DELETED
) WITHOUT ROWID;
CREATE TABLE upload_notes (      -- objects that are said to be there, and were not looked at yet
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  area TEXT NOT NULL REFERENCES upload_areas (uuid),
  name TEXT NOT NULL
);
CREATE TABLE upload_files (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  area TEXT NOT NULL REFERENCES upload_areas (uuid),
  name TEXT NOT NULL,
  etag TEXT NOT NULL,
  size INTEGER NOT NULL,
  modified REAL NOT NULL,        -- when the object was written last, in seconds since 1970
  promised TEXT,                 -- the crc32c that its client computed, NULL if it did not
  is_current INTEGER NOT NULL,   -- 0 for bytes that others have replaced
  sha1 TEXT,                     -- the checksums are NULL until they are known
  sha256 TEXT,
  crc32c TEXT,
  s3_etag TEXT,
  UNIQUE (area, name, etag)
);
CREATE TABLE upload_checksums (  -- jobs
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  file INTEGER NOT NULL REFERENCES upload_files (number),
  status TEXT NOT NULL           -- SCHEDULED, CHECKSUMMING, CHECKSUMMED, FAILED or ABORTED
);
CREATE INDEX upload_checksums_by_file ON upload_checksums (file, number);
CREATE INDEX upload_checksums_by_status ON upload_checksums (status, number);
CREATE TABLE upload_validations ( -- jobs; those of several files have one id
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL,
  file INTEGER NOT NULL REFERENCES upload_files (number),
  status TEXT NOT NULL,          -- SCHEDULED, VALIDATING, VALIDATED or FAILED
  results TEXT NOT NULL,
  image TEXT NOT NULL,
  original TEXT,                 -- the id of the validation that this one repeats
  environment TEXT NOT NULL      -- JSON
);
CREATE INDEX upload_validations_by_file ON upload_validations (file, number);
CREATE INDEX upload_validations_by_id ON upload_validations (id);
CREATE INDEX upload_validations_by_status ON upload_validations (status, number);
CREATE TABLE upload_holds (      -- jobs that are not to go on
  kind TEXT NOT NULL PRIMARY KEY, -- checksums or validations
  status TEXT NOT NULL           -- where they stay
) WITHOUT ROWID;
"""
