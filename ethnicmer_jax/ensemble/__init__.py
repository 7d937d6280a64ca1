"""Averages of finished jobs: `python -m ethnicmer_jax.ensemble`."""
