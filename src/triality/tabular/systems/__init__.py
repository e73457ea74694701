"""Other systems of inverse RL, exact on tables: each takes an MDP and what was demonstrated, and returns ``cost`` and ``log_policy``."""
