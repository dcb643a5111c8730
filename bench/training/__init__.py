"""Training one run: the step, optimizers and schedules, compiling, several devices, and the Trainer."""
