"""How commands name a search of `bench tune`, and the experiment with the settings that it has found."""

SEARCH = "tune:"
"""Begins the names of searches where a command takes one in an experiment's place: tune:lmc."""
TUNED = "tuned_"
"""Begins the names of experiments with settings that a search has found: tuned_lmc."""
