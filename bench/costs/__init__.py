"""What models and runs cost: counted, measured, and predicted before they run."""
