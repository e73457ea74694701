"""All mutants, by field."""

from __future__ import annotations

from tests.mutants import densities, files, generators, judging, keeping, log_z, sequences, systems, trajectories, updates

FIELDS = {
    "Energies and objectives": densities.MUTANTS,
    "Estimates of log Z": log_z.MUTANTS,
    "Generators and chains": generators.MUTANTS,
    "Trajectories and inverse reinforcement learning": trajectories.MUTANTS,
    "Distances of costs": judging.MUTANTS,
    "Other systems of inverse reinforcement learning": systems.MUTANTS,
    "How q improves": updates.MUTANTS,
    "Sequences": sequences.MUTANTS,
    "Files of a run": files.MUTANTS,
    "Runs that survive": keeping.MUTANTS,
}
MUTANTS = tuple(each for mutants in FIELDS.values() for each in mutants)
