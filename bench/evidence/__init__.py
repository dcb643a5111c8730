"""Claims and what decides them: verdicts from the store, seeds until decided, and scores of record."""
