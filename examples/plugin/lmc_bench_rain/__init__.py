"""A model and a data set for lmc-bench, found by their names once this package is installed."""
