"""The networks of vfi, imported as ``vfi.models...``; never as bare ``models``."""
