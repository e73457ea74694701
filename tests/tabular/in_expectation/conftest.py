"""The expert that both files of tests ask: the soft optimum of the costs of the module that asks."""

import pytest

from triality.tabular.demonstrations import Visitation
from triality.tabular.in_expectation import exact_visits, soft_policy


@pytest.fixture(scope="module")
def expert(request):
    return soft_policy(request.module.MDP, request.module.COST)


@pytest.fixture(scope="module")
def demonstrated(request, expert):
    module = request.module
    return Visitation(exact_visits(module.MDP, expert, module.START), module.START)
