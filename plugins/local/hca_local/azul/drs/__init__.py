"""The DRS service of the repository (contract §9)."""
