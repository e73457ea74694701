"""The report of a run: one HTML file that needs no other, made from the run folder alone, without jax."""
