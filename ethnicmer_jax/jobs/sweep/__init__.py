"""Grids of jobs: `python -m ethnicmer_jax sweep`, and `python -m ethnicmer_jax select`.

- `grid`: from a config with a grid in it to named points, each an ordinary config.
- `runner`: runs the points; one that fails stops no other.
- `result_files`: what a sweep leaves in its directory, and how it is read back.
- `selection`: a point for every subject held out, chosen on the others only.
"""
