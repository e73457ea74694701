"""A record of ``triality bench`` with everything in it that a record can hold."""

from __future__ import annotations

from triality.profiling.compile_cost import CompileCost
from triality.profiling.limits import Limits
from triality.profiling.operation_count import OperationCount
from triality.profiling.peer_ratio import PeerRatio
from triality.profiling.program_profile import ChunkRun, ProgramProfile
from triality.profiling.record import BenchRecord
from triality.profiling.repeats import Repeats
from triality.profiling.stage import StageRecord

LIMITS = Limits(1e11, 1024, (1e4, 1e6, 1e8), (4e10, 2e10, 1e10), 1e-7, 2e11)
MACHINE = {
    "processor": "A <processor>",
    "cores": 2,
    "load_average": [0.1, 0.2, 0.3],
    "devices": ["CPU"],
    "xla_flags": "",
    "commit": "abcdef012345",
    "python": "3.11",
    "packages": {"jax": "0.10.2"},
}


def stage(name, seconds, operations, num_bytes, per="step", times=1, unknown_loops=0):
    count = OperationCount(operations, 10.0, num_bytes, 200.0, unknown_loops)
    return StageRecord(name, per, times, Repeats((seconds, 1.1 * seconds, 0.9 * seconds)), count, 1e6)


def bench_record(recompiled=()):
    stages = (
        stage("collect", 0.010, 1e6, 1e6),  # near no limit
        stage("cost update", 0.020, 1e9, 1e6, times=3),  # half of what matrix products reach
        stage("policy update", 0.030, 1e6, 3e8, unknown_loops=1),  # half of the bandwidth
        stage("validation", 0.005, 1e6, 1e6, per="chunk"),
        StageRecord("evaluation", "run", 1, Repeats((1.5,))),
    )
    chunk = ChunkRun(10, 9.0, Repeats((0.09, 0.1), 0.99), tuple(recompiled), CompileCost(1.0, 0.5, 6.0, 2.0))
    compiled = ProgramProfile("irl", {"env": "Pendulum-v1", "seeds": 1}, stages, stage("whole step", 0.11, 4e9, 4e8), chunk)
    parts = (StageRecord("physics", "step", 1, Repeats((0.4, 0.5))), stage("cost update", 0.1, 1e9, 1e6, per="within"))
    on_host = ProgramProfile("irl, host", {"env": "HalfCheetah-v5"}, parts, StageRecord("whole step", "step", 1, Repeats((0.9,))))
    peers = (
        PeerRatio(
            "irl_vs_imitation", "Pendulum-v1, tutorial settings", "imitation 1.0.1", "env steps/s", (30.0, 32.0, 35.0), "123", "X", 2
        ),
        PeerRatio("density_speed", "flow, maf", "zuko", "draws", (0.8,), None, "Y", 4),
    )
    return BenchRecord(MACHINE, LIMITS, (compiled, on_host), peers, 61.0)
