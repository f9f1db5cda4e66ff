"""Script for ``vfi interpolate`` in a clone: python interpolate.py INPUT [-o OUTPUT] ..."""

import sys

from vfi.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["interpolate", *sys.argv[1:]]))
