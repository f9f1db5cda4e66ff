"""Tests of vfi; the tree mirrors the source. How to run them: CONTRIBUTING.md."""
