"""Simulators in processes on this machine or on others: actors that play whole episodes by a policy in numpy, and who collects them."""
