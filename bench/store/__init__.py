"""The run directories and what is kept in them: the truth about every run."""
