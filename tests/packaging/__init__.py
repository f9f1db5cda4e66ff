"""Tests of the house itself: what is packed, what imports what, what the documents promise."""
