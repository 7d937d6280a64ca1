"""Compiled programs, several of which are compiled at the same time."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable
from typing import Any

import jax

SMALL = 64 * 2**20
"""Bytes of states that there is room for twice, wherever a network is trained."""


class Program:
    """A compiled function, which another thread may compile ahead of its first call."""

    def __init__(self, function: Callable[..., Any]):
        """Compiles nothing yet.

        Args:
          function: is compiled at its first call, see `Grid.map`.
        """
        self._function = function
        self._compilation: threading.Thread | None = None

    def compile_beside(self, arguments: Callable[[], tuple[Any, ...]]) -> None:
        """Calls the function on another thread, for the sake of its compilation.

        XLA compiles without holding the interpreter. It has to be a call, because calls do not
        find what JAX has compiled ahead of time.

        Args:
          arguments: makes those of a call that does next to nothing; on that thread.
        """

        def call() -> None:
            # Whatever goes wrong here goes wrong in the next call, too, where somebody hears of it.
            with contextlib.suppress(Exception):
                jax.block_until_ready(self._function(*arguments()))

        # No daemon: a process that ends during a compilation waits for it.
        self._compilation = threading.Thread(target=call)
        self._compilation.start()

    def __call__(self, *arguments: Any) -> Any:
        """Calls the function, once its compilation is done."""
        if self._compilation is not None:
            self._compilation.join()
            self._compilation = None
        return self._function(*arguments)


def is_small(shapes: Any) -> bool:
    """Whether arrays of these shapes, a pytree of `jax.ShapeDtypeStruct`, take little room."""
    sizes = (math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(shapes))
    return sum(sizes) <= SMALL
