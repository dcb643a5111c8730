"""A sweep beside its schedule: what ends runs and what follows, the code they execute, the queue, and what a user sees."""
