"""The command line of vfi."""
