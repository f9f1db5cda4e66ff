"""Interpolation by EQVI's motion mathematics without any learned part."""

from .model import QuadraticInterpolator, build_quadratic

__all__ = ["QuadraticInterpolator", "build_quadratic"]
