"""From a fold table and clips to predictions: one engine, and the shallow classifiers."""
