"""Whether results can be written where they are wanted, asked before the work that makes them."""

from __future__ import annotations

import os
import pathlib

from ethnicmer_jax.base.schema import UserError


def check(path: pathlib.Path, overwrite: bool = True) -> None:
    """Refuses a file or folder that cannot be written.

    Args:
      path: need not exist, nor the folders above it.
      overwrite: whether it may be there already.

    Raises:
      UserError: it lies below a file, in a folder that nobody or not everybody may write to, or
        it is there.
    """
    if path.exists() and not overwrite:
        raise UserError(f"{path} is there; name another --output, or add --overwrite to replace it")
    folder = next(place for place in path.absolute().parents if place.exists())
    if not folder.is_dir():
        raise UserError(f"{path} cannot be written: {folder} is a file")
    inside = path if path.is_dir() else folder  # a folder is filled, or replaced in the one above
    if not os.access(inside, os.W_OK | os.X_OK):
        raise UserError(f"{path} cannot be written: {inside} only reads; name another place")
