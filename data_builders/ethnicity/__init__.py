"""Annotates subjects with an algorithmic ethnicity: votes per clip, one decision per subject."""
