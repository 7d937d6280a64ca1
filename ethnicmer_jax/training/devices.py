"""Whether the devices that a config asks for are there; asked before anything is built."""

from __future__ import annotations

import os

import jax

from ethnicmer_jax.base.schema import UserError


def check(wanted: int) -> None:
    """Starts JAX, and refuses more devices than there are.

    Args:
      wanted: `engine.devices`; 0 takes all.

    Raises:
      UserError: there are fewer local devices, or JAX finds none of the kind that
        JAX_PLATFORMS asks for.
    """
    try:
        there = len(jax.local_devices())
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0] or "no such device"
        asked = os.environ.get("JAX_PLATFORMS")
        remedy = f"; JAX_PLATFORMS is {asked}: unset it, or set it to cpu" if asked else ""
        raise UserError(f"JAX finds no device ({reason}){remedy}") from None
    if wanted > there:
        raise UserError(f"engine.devices is {wanted} and there are {there}; 0 takes them all")
