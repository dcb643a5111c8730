"""Executors start runs somewhere; their interface is `bench.sweep.executor.Executor`."""
