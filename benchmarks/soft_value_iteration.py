"""Soft value iteration on a gridworld of 100,000 states: states, sweeps, residual, seconds.

    python benchmarks/soft_value_iteration.py --height 316 --width 317

Compilation is timed with the first run and reported apart from the second.
"""

import argparse
import time

import jax
import jax.numpy as jnp
import numpy as np

from triality.tabular import soft_value_iteration
from triality.tabular.worlds import gridworld


def main():
    jax.config.update("jax_enable_x64", True)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--height", type=int, default=316)
    parser.add_argument("--width", type=int, default=317)
    parser.add_argument("--slip", type=float, default=0.2)
    parser.add_argument("--discount", type=float, default=0.99)
    parser.add_argument("--tolerance", type=float, default=1e-8)
    options = parser.parse_args()
    num_states = options.height * options.width
    mdp = gridworld(options.height, options.width, slip=options.slip, discount=options.discount)
    # One free corner in a rough terrain: nothing about the answer is symmetric.
    terrain = 0.5 + np.random.default_rng(0).random(num_states)
    terrain[-1] = 0.0
    cost = jnp.broadcast_to(jnp.asarray(terrain)[:, None], (num_states, mdp.num_actions))
    print("states  branches  sweeps  residual  seconds")
    for _ in range(2):
        begin = time.perf_counter()
        solution = jax.block_until_ready(soft_value_iteration(mdp, cost, tolerance=options.tolerance))
        seconds = time.perf_counter() - begin
        print(f"{num_states}  {mdp.num_branches}  {int(solution.num_sweeps)}  {float(solution.residual):.2e}  {seconds:.1f}")


if __name__ == "__main__":
    main()
