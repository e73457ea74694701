"""Policies: functions from an observation to a Sampler of actions, one a file."""
