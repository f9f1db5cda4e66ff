"""Flow estimators: each turns two frames into a :class:`vfi.types.FlowPair`."""
