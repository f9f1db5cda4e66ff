"""Measurements of the quality, speed and memory of interpolation, one program per module."""
