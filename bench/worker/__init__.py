"""The process that trains and scores one run directory, and how its work ends."""
