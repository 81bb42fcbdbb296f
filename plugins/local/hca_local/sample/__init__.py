"""The sample dataset: invented projects in the shape of DCP version 1, the same bytes on every machine."""
