"""The identity whose gradient comes back with its sign changed.

Reference: Ganin and Lempitsky, Unsupervised Domain Adaptation by Backpropagation,
ICML 2015, equations 9 and 10.
"""

from __future__ import annotations

import functools

import jax


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def reverse_gradient(x: jax.Array, strength: float = 1.0) -> jax.Array:
    """Returns x; multiplies the gradient that flows back by -strength."""
    return x


def _forward(x: jax.Array, strength: float) -> tuple[jax.Array, None]:
    return x, None


def _backward(strength: float, residual: None, gradient: jax.Array) -> tuple[jax.Array]:
    return (-strength * gradient,)


reverse_gradient.defvjp(_forward, _backward)
