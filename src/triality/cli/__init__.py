"""The command line. What can be refused is refused before jax is imported."""
