"""The invented data that the stand-in for Azul serves: catalogs with projects, bundles and files."""
