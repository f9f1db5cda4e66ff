"""The version of vfi."""

__version__ = "0.1.0"
