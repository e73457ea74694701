"""Generators of token sequences of known density: recurrent networks and transformers, with an end of the sequence."""
