"""What is minimized: pure functions of a density and two sets of samples, one a file."""
