"""Scores as they are kept, made again, and the weights that LPIPS needs."""
