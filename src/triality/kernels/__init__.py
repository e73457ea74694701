"""Markov kernels: MCMC as a baseline and as a part of annealing. A kernel has no log density, so it is never a Sampler."""
