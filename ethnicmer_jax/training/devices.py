"""The devices of JAX: whether there are those that are asked for, and the processes behind them."""

from __future__ import annotations

import importlib.util
import os
import uuid

import jax
from jax._src import distributed

from ethnicmer_jax.base.peers import Place
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.training import compilation_cache

_PATIENCE_MS = 60_000
_joined: list[Place] = []
"""The place of this process, where it has joined others."""


def local() -> list[jax.Device]:
    """The devices of this process; whoever computes with JAX asks here first.

    What is compiled from here on is kept, see `compilation_cache`.

    Raises:
      UserError: JAX finds none of the kind that JAX_PLATFORMS asks for.
    """
    compilation_cache.use()
    try:
        return jax.local_devices()
    except (RuntimeError, AssertionError) as error:
        # Of a kind whose plugin is not installed, JAX says nothing at all.
        reason = str(error).partition("(set JAX_PLATFORMS")[0].strip() or "no such device"
        asked = os.environ.get("JAX_PLATFORMS")
        remedy = (
            f"; JAX_PLATFORMS is {asked}: unset it to use what there is, or install JAX for that "
            "device, such as jax[cuda12]"
        )
        raise UserError(f"JAX finds no device ({reason}){remedy if asked else ''}") from None


def check(wanted: int) -> None:
    """Starts JAX, and refuses more devices than there are.

    Args:
      wanted: `engine.devices`; 0 takes all.

    Raises:
      UserError: there are fewer local devices, or none, see `local`.
    """
    there = len(local())
    if wanted > there:
        raise UserError(f"engine.devices is {wanted} and there are {there}; 0 takes them all")


def join() -> Place:
    """Joins the other processes of a cluster job; the place of this one among them.

    Processes train folds of their own and meet in the work directory. JAX's connections between
    them are given up once each knows its place: with them, JAX would abort all processes, without
    a name, as soon as the first one has died. `peers` watches in their place. From then on, each
    has a JAX of its own. On TPUs, whose hosts are one machine to JAX, the connections stay.

    Raises:
      UserError: there is no such job to join, or see `local`.
    """
    # JAX would take SIGTERM for itself, see `stopping`.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize()
    except ValueError as error:
        raise UserError(
            f"--distributed finds no cluster job to join ({error}); start it with srun or the like"
        ) from None
    # No public function shares a text, or forgets a place.
    state = distributed.global_state
    if state.process_id == 0:
        state.client.key_value_set("ethnicmer_jax/run", uuid.uuid4().hex[:12])
    run = state.client.blocking_key_value_get("ethnicmer_jax/run", _PATIENCE_MS)
    place = Place(state.process_id, state.num_processes, run)
    if not _on_tpu():
        jax.distributed.shutdown()
        state.process_id, state.num_processes = 0, 1
    local()
    _joined.append(place)
    return place


def index() -> int:
    """Which of the processes of a distributed job this one is, from 0."""
    return _joined[0].index if _joined else jax.process_index()


def count() -> int:
    """How many processes share the folds of a job."""
    return _joined[0].count if _joined else jax.process_count()


def _on_tpu() -> bool:
    there = importlib.util.find_spec("libtpu") is not None
    return there and "tpu" in os.environ.get("JAX_PLATFORMS", "tpu")
