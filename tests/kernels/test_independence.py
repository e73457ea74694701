"""Independence Metropolis on five states: its transition matrix, exactly reversible, and an acceptance that forgets q, which is not."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from triality.kernels.chains import run_chains
from triality.kernels.independence import IndependenceMetropolis, IndependenceState
from triality.kernels.kernel import StepInfo
from triality.samplers.categorical import Categorical

NUM_CHAINS, FALSE_ALARM = 20_000, 1e-6
ENERGIES = jnp.array([0.4, -0.9, 1.3, 0.0, 2.0])
Q = Categorical(jnp.array([1.0, -0.5, 0.2, 0.9, -1.0]))
LAW = np.asarray(jax.nn.softmax(-ENERGIES))
PROPOSAL = np.asarray(jax.nn.softmax(Q.logits))


def energy(x):
    return ENERGIES[x]


class ForgetsProposal(eqx.Module):
    """The broken twin: accepts by the energies alone."""

    proposal: Categorical
    is_exact = True

    def init(self, position, energy):
        return IndependenceState(position, -energy(position))

    def step(self, key, state, energy):
        key_draw, key_accept = jax.random.split(key)
        there = self.init(self.proposal.sample(key_draw), energy)
        accepted = -jax.random.exponential(key_accept) < there.log_ratio - state.log_ratio
        chosen = jax.tree.map(lambda new, old: jnp.where(accepted, new, old), there, state)
        return chosen, StepInfo(jnp.ones(()), jnp.array(1))


def transition_matrix(ratio):
    """P(x'|x) = q(x') min(1, w(x')/w(x)), the rest stays."""
    matrix = PROPOSAL[None, :] * np.minimum(1.0, ratio[None, :] / ratio[:, None])
    np.fill_diagonal(matrix, 0.0)
    return matrix + np.diag(1.0 - matrix.sum(axis=1))


@eqx.filter_jit
def ends(kernel, start, num_steps):
    return run_chains(jax.random.key(0), kernel, energy, jnp.full(NUM_CHAINS, start), num_steps).x


def p_value(x, law):
    return stats.chisquare(np.bincount(np.asarray(x), minlength=5), NUM_CHAINS * law).pvalue


def test_a_step_has_its_transition_probabilities_which_are_reversible():
    matrix = transition_matrix(LAW / PROPOSAL)
    flow = LAW[:, None] * matrix
    np.testing.assert_allclose(flow, flow.T, atol=1e-15)
    for start in range(5):
        assert p_value(ends(IndependenceMetropolis(Q), start, 1), matrix[start]) > FALSE_ALARM
    # The twin's matrix is not reversible for the law, and its steps are not those of the right one.
    wrong = LAW[:, None] * transition_matrix(LAW)
    assert np.abs(wrong - wrong.T).max() > 0.01
    assert min(p_value(ends(ForgetsProposal(Q), start, 1), matrix[start]) for start in range(5)) < FALSE_ALARM


def test_chains_end_in_the_enumerated_law():
    assert p_value(ends(IndependenceMetropolis(Q), 4, 60), LAW) > FALSE_ALARM
    assert p_value(ends(ForgetsProposal(Q), 4, 60), LAW) < FALSE_ALARM
