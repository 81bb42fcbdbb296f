"""Finding things: catalogs, fields, filters, hits, facets, counts."""
