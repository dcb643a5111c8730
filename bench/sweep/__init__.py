"""From a plan to finished runs: planning, scheduling, queues of executors, and progress displays."""
