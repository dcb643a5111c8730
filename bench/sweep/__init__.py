"""From a plan to finished runs: planning, scheduling, the queue of an executor, and what a user sees of it."""
