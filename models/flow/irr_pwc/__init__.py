"""IRR-PWC, as ScopeFlow trained it."""
