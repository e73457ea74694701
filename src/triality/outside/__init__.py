"""Generators that run elsewhere: in PyTorch, behind a server, on another machine. Only tokens and log probabilities cross the border."""
