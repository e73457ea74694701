"""How near a program is to the machine's limit, and to which (the roofline of Williams, Waterman and Patterson, CACM 2009).

    at least:  t >= operations / (operations a second),     t >= bytes / (bytes a second)
    share = max of the two / t,  at most one where the counts and the limits are right

Arithmetic here is every operation that XLA counts, held against the rate of matrix products, which nothing else reaches: additions element
by element, exponentials and random bits come to a small share of it even at their best. Where neither share reaches ``NEAR``, the time goes
into starting many small pieces of work, one after the other.

Reference: Williams, Waterman, Patterson, Roofline: an insightful visual performance model, Communications of the ACM 52(4), 2009.
"""

from __future__ import annotations

from typing import NamedTuple

from triality.profiling.limits import Limits
from triality.profiling.operation_count import OperationCount

NEAR = 0.1
"""Share of a limit below which it does not bind."""
ARITHMETIC, MEMORY, LATENCY = "arithmetic", "memory", "latency: small operations"


class Roofline(NamedTuple):
    """A program against the machine.

    Fields:
        of_arithmetic: share of the time that its operations alone would take.
        of_memory: share of the time that its bytes alone would take.
        binds: which of the two is nearer, or that neither is near.
    """

    of_arithmetic: float
    of_memory: float
    binds: str

    @property
    def share(self) -> float:
        """The larger share: how near to the machine's limit."""
        return max(self.of_arithmetic, self.of_memory)


def roofline(count: OperationCount, seconds: float, working_set: float, limits: Limits) -> Roofline:
    """The shares of a program.

    Args:
        count: of one call.
        seconds: that one call takes.
        working_set: bytes that it touches: its arguments, its results, and what it needs in between.
        limits: of the machine.

    Example:
        >>> limits = Limits(1e11, 1024, (1e4, 1e8), (1e10, 1e10), 1e-7, 2e11)
        >>> roofline(OperationCount(5e9, 0.0, 2.5e8, 10.0), 0.1, 1e6, limits)
        Roofline(of_arithmetic=0.5, of_memory=0.25, binds='arithmetic')
    """
    of_arithmetic = count.operations / limits.operations_per_second / seconds
    of_memory = count.bytes / limits.bandwidth(working_set) / seconds
    nearer = ARITHMETIC if of_arithmetic >= of_memory else MEMORY
    return Roofline(of_arithmetic, of_memory, nearer if max(of_arithmetic, of_memory) >= NEAR else LATENCY)
