"""Environments that live inside the compiled run, wrappers, a conformance check, and evaluation in Gymnasium itself."""
