"""Where runs run. An executor only starts `bench.worker.main` on a run directory; how it ended is read from the store.

slots                          how many runs it holds at once
submit(run, evaluations)       a Future of how the process ended, in words; empty if it ended by itself
stop()                         ask every run to save its work and end
kill()                         end them at once; the next scheduler resumes them
"""
