"""Which kernel, depth and learning rate suit a ConvLSTM?"""

from my_experiment import CONVLSTM


def space(trial, scale: str):
    """From an Optuna trial to a run; a choice may depend on another one."""
    base = CONVLSTM[scale]
    layers = trial.suggest_int("layers", 1, 3)
    kernel = trial.suggest_categorical("kernel", [3, 5, 7])
    rate = trial.suggest_float("lr", 1e-3, 1e-2, log=True)
    return base.but(model=base.model.but(layers=layers, kernel=kernel), optimizer=base.optimizer.but(lr=rate))


def start(scale: str) -> dict:
    """What is tried first: the recipe."""
    return {"layers": 2, "kernel": 5, "lr": 3e-3}
