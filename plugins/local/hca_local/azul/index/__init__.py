"""The search of the stand-in for Azul: documents of four types, filters, facets, pages."""
