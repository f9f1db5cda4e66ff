"""Visualizations: flow in colour, sheets of panels, comparisons, and diagnostics of one frame."""
