"""Claims and what decides them: verdicts from the store, seeds until decided, the scores of record and the results document."""
