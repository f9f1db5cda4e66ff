"""Motion models without weights: quadratic motion from four frames, and the reversal of flows."""
