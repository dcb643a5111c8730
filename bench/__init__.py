"""The engine of lmc-bench: plans, trains, scores and records runs of video-prediction models."""

__version__ = "0.2.0"
