"""The models that LMC-Memory is compared with, one file per paper. Plain PyTorch."""
