"""Energies of points and costs of steps, one a file."""
