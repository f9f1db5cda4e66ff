"""Quadratic interpolation without weights: EQVI's motion model on classical optical flow."""

from .model import QuadraticInterpolator, build_quadratic

__all__ = ["QuadraticInterpolator", "build_quadratic"]
