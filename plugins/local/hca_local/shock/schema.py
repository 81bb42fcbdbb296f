"""The tables of the nodes. A node is one JSON document; what is looked for beside its id stands in columns too."""

TABLES = """
CREATE TABLE shock_nodes (       -- in the order of their creation
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  data TEXT,                     -- the file with its bytes; copies of a node share it
  md5 TEXT,                      -- of the bytes, if they are all there
  expires REAL,                  -- seconds since 1970
  is_busy INTEGER NOT NULL,      -- 1 if its file or one of its indexes is locked: a start looks after these
  document TEXT NOT NULL         -- JSON
);
CREATE INDEX shock_nodes_by_data ON shock_nodes (data) WHERE data IS NOT NULL;
CREATE INDEX shock_nodes_by_md5 ON shock_nodes (md5) WHERE md5 IS NOT NULL;
CREATE INDEX shock_nodes_by_expiry ON shock_nodes (expires) WHERE expires IS NOT NULL;
CREATE INDEX shock_nodes_busy ON shock_nodes (number) WHERE is_busy = 1;
CREATE TABLE shock_virtual (     -- which nodes are made of which; these can't be deleted
  source TEXT NOT NULL,
  node TEXT NOT NULL,
  PRIMARY KEY (source, node)
) WITHOUT ROWID;
"""
