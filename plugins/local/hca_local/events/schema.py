"""The table of the event journal. Documents are not in it: they are put together from their bundles again."""

TABLES = """
CREATE TABLE events (            -- creations of bundle versions that are not deleted
  replica TEXT NOT NULL,
  journal INTEGER NOT NULL,      -- the order of journals, and
  place INTEGER NOT NULL,        -- of the events in one, is the order of time
  key TEXT NOT NULL,             -- <uuid>.<version>
  timestamp TEXT NOT NULL,       -- when it was recorded
  size INTEGER NOT NULL,         -- bytes of the event document
  PRIMARY KEY (replica, journal, place),
  UNIQUE (replica, key)
) WITHOUT ROWID;
CREATE INDEX events_by_time ON events (replica, timestamp, journal);
"""
