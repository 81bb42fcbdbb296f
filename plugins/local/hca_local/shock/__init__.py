"""The embedded Shock: nodes with a file and attributes, as the REST server of the same name keeps them."""
