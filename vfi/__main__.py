"""``python -m vfi`` is the command line."""

import sys

from vfi.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
