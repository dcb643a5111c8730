"""LMC-Memory (Lee et al., CVPR 2021): video prediction that recalls long-term motion context. Plain PyTorch."""
