"""The engine of lmc-bench: plans, trains, scores and records runs of video-prediction models."""
