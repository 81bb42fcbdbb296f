"""Entry of the console script `hca` and of `python -m hca_core`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave the process with its exit status."""
    if sys.argv[1:] == ["--version"] and sys.stdout is not None:
        # Answered before click is imported: scripts ask this often, and it makes the answer three times faster.
        from hca_core import __version__

        try:
            sys.stdout.write(f"hca {__version__}\n")
            sys.stdout.flush()
            return
        except OSError:
            pass  # a closed pipe, a full disk: ends as every other command does, below
    from hca_core.main import run

    sys.exit(run())


if __name__ == "__main__":
    main()
