"""What was made elsewhere, in or out: frames, predictions, results and trained models."""
