"""Where people watch runs: the protocol of three methods, adapters to what they use, and a guard against all that they do. No jax."""
