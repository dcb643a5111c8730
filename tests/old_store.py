"""The experiment that the kept store of version 0.1.0 answers, and what that version measured for it."""

from bench.spec import Component, Evaluation, Experiment, RunSpec

CONVLSTM = RunSpec(
    model=Component("convlstm", hidden=4, layers=1),
    learner=Component("scheduled_sampling"),
    data=Component("digits", size=16, digit=8),
    context=9,
    horizon=2,
    batch=2,
    steps=6,
    optimizer=Component("adam", lr=1e-3),
    validate_every=3,
    validation_clips=2,
)
LMC = CONVLSTM.but(model=Component("lmc", width=4, layers=1, slots=5), learner=Component("memory_alignment", warmup=0))
LABELS = {
    "LMC": "lmc-c7aeba193c51",
    "ConvLSTM": "convlstm-86857d0b5f1f",
    "stopped": "convlstm-37c5561505bc",
    "copy": "copy_last-5aacc04c3058",
}
MEANS = {  # by that version; of "stopped" as if it never had been
    "LMC": {"standard/psnr": 10.875488, "standard/ssim": 0.008272, "standard/mse_sum": 20.980434},
    "ConvLSTM": {"standard/psnr": 13.195081, "standard/ssim": 0.049076, "standard/mse_sum": 12.365026},
    "stopped": {"standard/psnr": 13.34204, "standard/ssim": 0.061256, "standard/mse_sum": 11.961334},
    "copy": {"standard/psnr": 38.735025, "standard/ssim": 0.635725, "standard/mse_sum": 7.417916},
}


def experiment(scale: str) -> Experiment:
    """As `bench run old.py` would have it."""
    return Experiment(
        "Is an old store read?",
        {
            "LMC": LMC,
            "ConvLSTM": CONVLSTM,
            "stopped": CONVLSTM.but(optimizer=Component("adam", lr=2e-3)),
            "copy": CONVLSTM.but(model=Component("copy_last"), learner=Component("nothing"), steps=0),
        },
        evaluation=Evaluation(clips=3),
        name="old",
    )
