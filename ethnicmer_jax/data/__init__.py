"""Clips as arrays, what networks see of them, and what they have to learn."""
