"""Tests of files with weights; a package, because they share small networks."""
