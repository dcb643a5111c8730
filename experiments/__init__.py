"""What to run: questions, their variants and the published settings. A file here is found by its name."""
