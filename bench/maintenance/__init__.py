"""What keeps a machine and a store in order."""
