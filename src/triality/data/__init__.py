"""Demonstrations: their record, file, checks, and the trajectories that they become."""
