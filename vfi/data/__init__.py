"""Data: synthetic scenes with exact truth."""
