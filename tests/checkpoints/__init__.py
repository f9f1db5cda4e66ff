"""Tests of weight files; a package, because their small networks are in a common module."""
