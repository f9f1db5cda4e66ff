"""The contracts that every model implements: interpolators, flow estimators, ensembles, the cache."""
