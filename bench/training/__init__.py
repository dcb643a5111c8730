"""What the training of one run is made of: the step, optimizers and schedules, compiling, several devices, and how it ends."""
