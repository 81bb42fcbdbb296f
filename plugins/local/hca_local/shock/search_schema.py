"""The tables that queries look at: one row for each value of each node, and who may see which node."""

TABLES = """
CREATE TABLE shock_leaves (
  node INTEGER NOT NULL,         -- shock_nodes.number
  path TEXT NOT NULL,            -- dots between its parts; places in arrays are left out, so that any element matches
  kind INTEGER NOT NULL,         -- see leaves.py
  value NOT NULL,                -- no type: a number must stay one
  PRIMARY KEY (path, kind, value, node)
) WITHOUT ROWID;
CREATE INDEX shock_leaves_by_node ON shock_leaves (node);
CREATE TABLE shock_readers (     -- one of a node for which there is nothing here is not complete yet
  reader TEXT NOT NULL,          -- a user's uuid, public for everybody, * for administrators
  node INTEGER NOT NULL,         -- shock_nodes.number
  PRIMARY KEY (reader, node)
) WITHOUT ROWID;
CREATE INDEX shock_readers_by_node ON shock_readers (node);
"""
