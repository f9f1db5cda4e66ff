"""Measurements: how near interpolated frames come to the truth, and how fast they are made."""
