"""Drawn clips in the layouts of the databases, to try every reader without a licence."""
