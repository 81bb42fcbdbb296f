"""`python -m hca`: the same as the command `hca`."""

from hca_core.__main__ import main

main()
