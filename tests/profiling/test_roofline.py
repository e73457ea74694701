"""Shares of the limits by hand, and which of them binds."""

import pytest

from tests.profiling.instances import LIMITS
from triality.profiling.limits import measure_limits
from triality.profiling.operation_count import OperationCount
from triality.profiling.roofline import ARITHMETIC, LATENCY, MEMORY, roofline

CASES = {
    # 1e9 operations at 1e11 a second are 10 ms of 20; 1e8 bytes at 2e10 a second 5 ms.
    "arithmetic": (1e9, 1e8, 0.020, 1e6, 0.5, 0.25, ARITHMETIC),
    # Beyond the caches the same bytes take 10 ms, and a tenth of the operations 1 ms.
    "memory": (1e8, 1e8, 0.020, 1e8, 0.05, 0.5, MEMORY),
    "latency": (1e7, 1e6, 0.020, 1e6, 0.005, 0.0025, LATENCY),
}


@pytest.mark.parametrize("case", CASES)
def test_shares_by_hand(case):
    operations, num_bytes, seconds, working_set, of_arithmetic, of_memory, binds = CASES[case]
    found = roofline(OperationCount(operations, 0.0, num_bytes, 1.0), seconds, working_set, LIMITS)
    assert found.of_arithmetic == pytest.approx(of_arithmetic)
    assert found.of_memory == pytest.approx(of_memory)
    assert found.share == pytest.approx(max(of_arithmetic, of_memory))
    assert found.binds == binds


def test_between_two_sizes_the_bandwidth_lies_between_theirs():
    assert LIMITS.bandwidth(1e5) == pytest.approx((4e10 * 2e10) ** 0.5)
    assert LIMITS.bandwidth(1.0) == 4e10
    assert LIMITS.bandwidth(1e12) == LIMITS.memory_bandwidth == 1e10


def test_limits_of_this_machine_are_those_of_a_machine():
    limits = measure_limits(sides=(64, 128), working_sets=(2**15, 2**20), num_repeats=2)
    assert 1e8 < limits.operations_per_second < 1e15
    assert all(1e8 < rate < 1e13 for rate in limits.bytes_per_second)
    assert 1e-9 < limits.seconds_a_start < 1e-3
