"""The stand-in for Azul, the service of the Human Cell Atlas that finds its data and gives them out."""
