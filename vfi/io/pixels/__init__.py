"""Samples of an image: decoded formats, R'G'B', tensors, and what their tags mean."""
