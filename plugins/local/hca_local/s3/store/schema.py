"""The tables of the S3 server. Keys of objects are kept as UTF-8, whose order is the one that S3 lists them in."""

from __future__ import annotations

APPLICATION_ID = 0x48434133
FORMAT = 1

TABLES = """
CREATE TABLE bucket (
    name TEXT PRIMARY KEY,
    region TEXT NOT NULL,
    created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE object (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- of this version of the object: another one never gets it
    bucket TEXT NOT NULL REFERENCES bucket (name),
    key BLOB NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    modified INTEGER NOT NULL,
    headers TEXT NOT NULL,
    metadata TEXT NOT NULL,
    tags TEXT NOT NULL,
    checksums TEXT NOT NULL,
    UNIQUE (bucket, key)
);
CREATE TABLE segment (
    file TEXT PRIMARY KEY,
    object INTEGER NOT NULL REFERENCES object (number),
    position INTEGER NOT NULL,
    size INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX segment_of_object ON segment (object, position);
CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    bucket TEXT NOT NULL REFERENCES bucket (name),
    key BLOB NOT NULL,
    started INTEGER NOT NULL,
    headers TEXT NOT NULL,
    metadata TEXT NOT NULL,
    tags TEXT NOT NULL,
    algorithm TEXT,
    checksum_type TEXT
) WITHOUT ROWID;
CREATE INDEX upload_of_key ON upload (bucket, key, id);
CREATE TABLE part (
    upload TEXT NOT NULL REFERENCES upload (id),
    number INTEGER NOT NULL,
    file TEXT NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    modified INTEGER NOT NULL,
    checksums TEXT NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX part_by_file ON part (file);
"""
