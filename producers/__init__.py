"""Whoever puts events on the log: the simulated line and the readers of history."""
