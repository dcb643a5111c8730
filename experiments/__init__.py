"""Questions, their variants and the published settings. Files with a function `experiment` are found by their names."""
