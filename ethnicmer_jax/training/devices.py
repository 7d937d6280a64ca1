"""The devices of JAX: whether there are those that are asked for, and the processes behind them."""

from __future__ import annotations

import os

import jax

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.training import compilation_cache


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


def join() -> bool:
    """Joins the other processes of a cluster job; whether this is the first of them.

    Raises:
      UserError: there is no such job to join, or see `local`.
    """
    try:
        jax.distributed.initialize()
    except ValueError as error:
        raise UserError(
            f"--distributed finds no cluster job to join ({error}); start it with srun or the like"
        ) from None
    local()
    return jax.process_index() == 0
