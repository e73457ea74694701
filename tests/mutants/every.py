"""All mutants, by field."""

from __future__ import annotations

from tests.mutants import (
    baselines,
    certainty,
    densities,
    files,
    generators,
    in_expectation,
    judging,
    keeping,
    log_z,
    sequences,
    systems,
    trajectories,
    updates,
    worlds,
)

FIELDS = {
    "Energies and objectives": densities.MUTANTS,
    "Estimates of log Z": log_z.MUTANTS,
    "Generators and chains": generators.MUTANTS,
    "Trajectories and inverse reinforcement learning": trajectories.MUTANTS,
    "Changed worlds": worlds.MUTANTS,
    "Distances of costs": judging.MUTANTS,
    "How sure a cost is": certainty.MUTANTS,
    "Other systems of inverse reinforcement learning": systems.MUTANTS,
    "Sampled systems in exact expectation": in_expectation.MUTANTS,
    "SQIL, IQ-Learn and f-IRL": baselines.MUTANTS,
    "How q improves": updates.MUTANTS,
    "Sequences": sequences.MUTANTS,
    "Files of a run": files.MUTANTS,
    "Runs that survive": keeping.MUTANTS,
}
MUTANTS = tuple(each for mutants in FIELDS.values() for each in mutants)
