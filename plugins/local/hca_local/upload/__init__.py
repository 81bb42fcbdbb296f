"""The embedded upload service: areas, the files in them, their checksums and validations."""
