"""Trained networks as files that other programs read: StableHLO, and weights for PyTorch."""
