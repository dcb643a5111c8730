"""Where runs run: the contract is `bench.sweep.executor.Executor`."""
