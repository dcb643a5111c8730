"""The run directories and their files: the only record of every run."""
