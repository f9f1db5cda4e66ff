"""Base classes of all models: interpolators, flow estimators, ensembles; and the cache of their results."""
