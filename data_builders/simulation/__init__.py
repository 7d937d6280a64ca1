"""Drawn faces of made-up people: the parts behind `sources/simulated.py`."""
