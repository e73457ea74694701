"""A gradient that XLA's CPU compiler gets wrong: of an LSTM over a scan, under ``vmap``, in float64, at one size. Seconds; prints, no page.

    python benchmarks/compiler_fault.py

For each way to compile the same program: its largest distance from what fusion emitters turned off give, as a share of the largest value.
"""

from __future__ import annotations

import sys
from typing import Any

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402

LENGTH, INPUTS, SYMBOLS, NUM_SETS = 2, 4, 9, 2
SOUND: dict[str, Any] = {"xla_cpu_use_fusion_emitters": False}
WAYS: dict[str, dict[str, Any]] = {
    "as everybody compiles": {},
    "vectors of 128 bits": {"xla_cpu_prefer_vector_width": 128},
    "optimization level 0": {"xla_backend_optimization_level": 0},
}


def main() -> int:
    for dtype, units, strings in ((jnp.float64, 5, 4), (jnp.float64, 5, 5), (jnp.float64, 6, 4), (jnp.float32, 5, 4)):
        arguments = drawn(dtype, units, strings)
        program = jax.jit(jax.vmap(jax.grad(loss), in_axes=(None, 0, 0))).lower(*arguments)
        sound = program.compile(compiler_options=SOUND)(*arguments)
        for name, options in WAYS.items():
            found = program.compile(compiler_options=options)(*arguments)
            print(f"{jnp.dtype(dtype).name}, {units} units, {strings} strings, {name}: {distance(found, sound):.1e}")
    return 0


def drawn(dtype: Any, units: int, strings: int) -> Any:
    """Weights, and sets of strings of tokens with a weight a token."""
    keys = jax.random.split(jax.random.key(0), 6)
    weights = {
        "embedding": jax.random.normal(keys[0], (SYMBOLS, INPUTS), dtype),
        "in": 0.5 * jax.random.normal(keys[1], (4 * units, INPUTS), dtype),
        "again": 0.3 * jax.random.normal(keys[2], (4 * units, units), dtype),
        "bias": jax.random.normal(keys[3], (4 * units,), dtype),
    }
    x = jax.random.randint(keys[4], (NUM_SETS, strings, LENGTH), 0, SYMBOLS)
    return weights, x, jax.random.normal(keys[5], x.shape, dtype)


def loss(weights: Any, x: jax.Array, shares: jax.Array) -> jax.Array:
    def of_one(x, shares):
        def step(carry, u):
            h, c = carry
            i, f, g, o = jnp.split(weights["in"] @ u + weights["bias"] + weights["again"] @ h, 4)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        nothing = jnp.zeros(weights["again"].shape[1], shares.dtype)
        return jnp.sum(shares[:, None] * jax.lax.scan(step, (nothing, nothing), weights["embedding"][x])[1])

    return jnp.sum(jax.vmap(of_one)(x, shares))


def distance(found: Any, sound: Any) -> float:
    return max(float(jnp.max(jnp.abs(found[name] - sound[name])) / jnp.max(jnp.abs(sound[name]))) for name in sound)


if __name__ == "__main__":
    sys.exit(main())
