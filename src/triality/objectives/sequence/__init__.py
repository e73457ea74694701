"""Losses of a generator of token sequences that are learned from data, beside likelihood."""
