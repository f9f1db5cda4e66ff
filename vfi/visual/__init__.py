"""Images that show what happened: flow in colour, panels, comparisons, how a frame came about."""
