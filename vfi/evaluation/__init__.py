"""How good a result is: metrics, comparisons of whole clips, baselines, reports."""
