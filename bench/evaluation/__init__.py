"""From a trained model to scores of every clip and frame."""
