"""The tables of the directory. Names are compared byte by byte, so upper and lower case differ."""

TABLES = """
CREATE TABLE fusillade_nodes (   -- users, groups and roles
  kind TEXT NOT NULL,            -- user, group or role
  name TEXT NOT NULL,
  policy TEXT,                   -- JSON, NULL if there is none
  enabled INTEGER NOT NULL,      -- 0 for a user who may do nothing
  owner TEXT,                    -- the user who made it, NULL for what was there from the beginning
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE INDEX fusillade_nodes_by_owner ON fusillade_nodes (owner, kind, name);
CREATE TABLE fusillade_links (   -- a user is in a group, a user or a group has a role
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  of_kind TEXT NOT NULL,         -- group or role
  of_name TEXT NOT NULL,
  PRIMARY KEY (kind, name, of_kind, of_name)
) WITHOUT ROWID;
CREATE INDEX fusillade_links_by_end ON fusillade_links (of_kind, of_name, kind, name);
CREATE TABLE fusillade_types (   -- types of resources whose access is listed here
  name TEXT NOT NULL PRIMARY KEY,
  actions TEXT NOT NULL          -- JSON: a list
) WITHOUT ROWID;
CREATE TABLE fusillade_levels (  -- what an access level of a type lets its holder do
  type TEXT NOT NULL,
  name TEXT NOT NULL,
  policy TEXT NOT NULL,          -- JSON
  PRIMARY KEY (type, name)
) WITHOUT ROWID;
CREATE TABLE fusillade_resources (
  type TEXT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (type, name)
) WITHOUT ROWID;
CREATE TABLE fusillade_access (  -- who has which access level to which resource
  type TEXT NOT NULL,
  resource TEXT NOT NULL,
  kind TEXT NOT NULL,            -- user or group
  member TEXT NOT NULL,
  level TEXT NOT NULL,
  PRIMARY KEY (type, resource, kind, member)
) WITHOUT ROWID;
"""
