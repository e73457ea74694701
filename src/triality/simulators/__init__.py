"""Simulators that run on the host: many at once, stepped together, with the policy evaluated by one compiled call."""
