"""Device memory: how many folds it holds side by side, and what an error about it looks like.

What a fold needs is reckoned from the traced step, before anything is compiled: its state, and the
most bytes that are alive at once between the operations of a step. XLA merges operations, so that
the program needs less, or keeps copies, so that it needs more; measured on an H200, STSTNet took
9.5 MiB a fold (reckoned 12.5) and ResNet-18 at 224 px in bfloat16 1.2 GiB (reckoned 1.7).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
from jax.extend.core import Jaxpr, Var

from ethnicmer_jax.training.batches import Constants
from ethnicmer_jax.training.device_data import Resident
from ethnicmer_jax.training.fold import Learner

MOST = 1024
"""Folds side by side beyond which nothing was gained: 4.0 million images/s where 256 make 3.4."""

SLOTS = 8
"""Batches of folds that a device works through in turn, at most."""

_WORK, _STATES = 0.5, 0.25
"""Shares of the free memory that the folds of one batch, and the states of all slots, may take."""


@dataclasses.dataclass(frozen=True)
class Room:
    """For how many folds a device is good.

    Attributes:
      fold_batch: most folds side by side.
      slots: most batches of them that it works through in turn.
    """

    fold_batch: int
    slots: int


@dataclasses.dataclass(frozen=True)
class Need:
    """What one fold takes of a device's memory, bytes.

    Attributes:
      state: all the time: parameters, optimizer, running averages.
      step: beside that while a step is taken, gradients and activations.
    """

    state: int
    step: int

    @classmethod
    def of(cls, learner: Learner, constants: Constants, data: Resident, batch: int) -> Need:
        """Traces an epoch of one step; nothing is computed.

        Args:
          learner: what is trained.
          constants: of one fold.
          data: of all clips.
          batch: examples a step.
        """
        state = jax.eval_shape(learner.init, constants, data)
        index, weight = (jax.ShapeDtypeStruct((1, batch), kind) for kind in ("int32", "float32"))
        steps, rate = (jax.ShapeDtypeStruct((), kind) for kind in ("int32", "float32"))
        epoch = jax.make_jaxpr(learner.epoch)(state, constants, index, weight, steps, rate, data)
        return cls(size(state), most_alive(epoch.jaxpr))

    def room(self, free: int) -> Room:
        """How many such folds fit; powers of two, so that small differences change nothing.

        Args:
          free: bytes of the device that nothing else takes.
        """
        fold_batch = min(MOST, _power_of_two(_WORK * free / max(self.state + self.step, 1)))
        slots = min(SLOTS, _power_of_two(_STATES * free / max(self.state * fold_batch, 1)))
        return Room(fold_batch, slots)


def free(stats: Sequence[Mapping[str, int] | None], data: Any) -> int | None:
    """Bytes of the smallest device beside the resident data; None where devices do not say.

    Args:
      stats: `memory_stats()` of each device.
      data: that lie on every one of them.
    """
    # What JAX may take, not what happens to be free: the same device, the same number.
    limits = [(each or {}).get("bytes_limit", 0) for each in stats]
    return max(min(limits) - size(data), 0) if all(limits) else None


def size(tree: Any) -> int:
    """Bytes of all arrays, or of what only has a shape and a type."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def most_alive(program: Jaxpr) -> int:
    """Bytes of the values of a program that are alive at once, its arguments left out.

    A value is alive from the operation that makes it to the last one that reads it. What an
    operation that is a program itself needs within comes on top.
    """
    last = {var: i for i, eqn in enumerate(program.eqns) for var in _variables(eqn.invars)}
    last |= dict.fromkeys(_variables(program.outvars), len(program.eqns))
    dying: dict[int, int] = {}
    alive = most = 0
    for i, eqn in enumerate(program.eqns):
        for var in _variables(eqn.outvars):
            if var in last:
                alive += _bytes(var)
                dying[last[var]] = dying.get(last[var], 0) + _bytes(var)
        within = max(map(most_alive, _programs(eqn.params)), default=0)
        most = max(most, alive + within)
        alive -= dying.pop(i, 0)
    return most


def ran_out(error: jax.errors.JaxRuntimeError) -> bool:
    """Whether an error of JAX says that a device has no memory left."""
    return "RESOURCE_EXHAUSTED" in str(error)


def _variables(values: Sequence[Any]) -> Iterator[Var]:
    return (value for value in values if isinstance(value, Var))


def _programs(parameters: dict[str, Any]) -> Iterator[Jaxpr]:
    """The programs among the parameters of an operation, such as the branches of a `cond`."""
    for value in parameters.values():
        for each in value if isinstance(value, tuple | list) else (value,):
            program = getattr(each, "jaxpr", each)
            if isinstance(program, Jaxpr):
                yield program


def _bytes(var: Var) -> int:
    """Of a value; random keys count as their bits."""
    aval: Any = var.aval
    return int(aval.size) * int(getattr(aval.dtype, "itemsize", 8)) if hasattr(aval, "size") else 0


def _power_of_two(number: float) -> int:
    """The largest power of two up to a number, at least 1."""
    return 1 << max(int(number).bit_length() - 1, 0)
