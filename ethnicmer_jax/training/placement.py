"""Many folds at once: the only place that knows of `pmap`, and how folds are laid out.

Folds never talk to each other. Across devices they are spread by `pmap`; on one
device, slots are worked through one after the other, each of them `vmap`ped over
`fold_batch` folds. On a CPU a batch of one keeps the activations in cache; on an
accelerator a wide batch keeps it busy. Everything else of the program sees a flat
list of folds.

JAX keeps `pmap` in maintenance mode and has built it on `jax.shard_map` since 0.8
(docs.jax.dev/en/latest/migrate_pmap.html). A JAX without it, or one that calls it
deprecated, is met by `shard_map` itself: the same program, bit for bit.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ethnicmer_jax.training import devices
from ethnicmer_jax.training.memory import Room

_LEAST_BATCHES = 4
"""Of the folds of a table, where their number is chosen, so that several devices share them."""


_AXIS = "devices"
"""Of the mesh, and of `pmap`."""


@dataclasses.dataclass(frozen=True)
class Grid:
    """Devices × slots × fold_batch places for folds.

    Attributes:
      devices: the local devices in use.
      slots: batches of folds that a device works through in turn.
      fold_batch: folds vmapped within a slot.
    """

    devices: tuple[jax.Device, ...]
    slots: int
    fold_batch: int

    @classmethod
    def fitting(
        cls,
        n_devices: int,
        fold_batch: int,
        in_flight: int,
        folds: int,
        room: Room | None = None,
        processes: int = 1,
    ) -> Grid:
        """A grid for at most `in_flight` folds at a time; zeros choose by the machine.

        Args:
          n_devices: how many local devices; 0 all of them.
          fold_batch: folds vmapped together; 0 is 1 on a CPU. Elsewhere 0 parts the folds
            evenly into batches for which there is room, four at least: the number of devices
            and processes plays no part in it, as it must not in results.
          in_flight: most folds held at a time, which bounds the memory; 0 is as many slots a
            device as there is room for. At least one slot per device is kept.
          folds: how many there are to train at all.
          room: of a device; by default one fold in 8 slots on a CPU and 16 in one elsewhere.
          processes: that share the folds.
        """
        used = tuple(devices.local()[: n_devices or None])
        room = room or (Room(1, 8) if used[0].platform == "cpu" else Room(16, 1))
        if not fold_batch:
            most = room.fold_batch
            if in_flight:
                most = max(1, min(most, in_flight // len(used)))
            batches = max(_LEAST_BATCHES, -(-folds // most))
            fold_batch = max(1, -(-folds // batches))
        width = len(used) * fold_batch
        wanted = in_flight // width if in_flight else room.slots
        return cls(used, max(1, min(wanted, -(-folds // (width * processes)))), fold_batch)

    def halved(self) -> Grid | None:
        """A grid of half as many places; None where there is one a device already."""
        if self.fold_batch > 1:
            return dataclasses.replace(self, fold_batch=-(-self.fold_batch // 2))
        return dataclasses.replace(self, slots=-(-self.slots // 2)) if self.slots > 1 else None

    def __str__(self) -> str:
        """For the record of a job."""
        return f"{self.fold_batch} side by side on a device, {self.size} in flight"

    @property
    def size(self) -> int:
        """Places for folds."""
        return len(self.devices) * self.slots * self.fold_batch

    def place(self, tree: Any) -> Any:
        """Spreads arrays [size, ...] over the devices.

        Neighbours go to different devices, so that a grid that is only partly filled
        keeps all of them busy.
        """
        shape = (self.slots, len(self.devices), self.fold_batch)
        laid_out = jax.tree.map(
            lambda x: np.asarray(x).reshape(*shape, *x.shape[1:]).swapaxes(0, 1), tree
        )
        return jax.device_put(laid_out, self._sharding)

    def replicate(self, tree: Any) -> Any:
        """Puts the same arrays on every device, [devices, ...], one copy on each.

        Every device gets its own straight from the host: no device ever holds, or passes on,
        the copies of the others.
        """
        views = jax.tree.map(
            lambda x: np.broadcast_to(x, (len(self.devices), *x.shape)), jax.device_get(tree)
        )
        return jax.device_put(views, self._sharding)

    @property
    def _sharding(self) -> jax.sharding.NamedSharding:
        """The first axis over the devices."""
        spec = jax.sharding.PartitionSpec(_AXIS)
        return jax.sharding.NamedSharding(_mesh(self.devices), spec)

    def collect(self, tree: Any) -> Any:
        """Brings a result back as NumPy arrays [size, ...]."""

        def flat(x: np.ndarray) -> np.ndarray:
            return np.asarray(x).swapaxes(0, 1).reshape(self.size, *x.shape[3:])

        return jax.tree.map(flat, jax.device_get(tree))

    def map(self, function: Callable[..., Any], donate_first: bool = False) -> Callable[..., Any]:
        """Compiles `function(*per_fold, shared)` for every place of the grid.

        Args:
          function: of one fold's pytrees and of the one that all folds share.
          donate_first: whether the memory of the first argument may be reused.

        Returns:
          The same of placed and replicated pytrees.
        """
        return _mapped(function, self.devices, self.fold_batch, donate_first)


@functools.lru_cache(maxsize=32)
def _mapped(
    function: Callable[..., Any],
    used: tuple[jax.Device, ...],
    fold_batch: int,
    donate_first: bool,
) -> Callable[..., Any]:
    """See `Grid.map`; of the same function and grid the same one, which is compiled once."""

    def on_device(*arguments: Any) -> Any:
        *per_fold, shared = arguments
        if fold_batch == 1:
            # Without vmap a fold's own number of steps bounds its loop.
            squeezed = jax.tree.map(lambda x: x[:, 0], per_fold)
            out = jax.lax.map(lambda one: function(*one, shared), squeezed)
            return jax.tree.map(lambda x: x[:, None], out)
        batched = jax.vmap(lambda *one: function(*one, shared))
        return jax.lax.map(lambda slot: batched(*slot), per_fold)

    return _spread(on_device, used, (0,) if donate_first else ())


def _spread(
    function: Callable[..., Any], used: tuple[jax.Device, ...], donated: tuple[int, ...]
) -> Callable[..., Any]:
    """`pmap` over the first axis of every argument; `shard_map` where JAX has no `pmap`."""
    pmap = _pmap()
    if pmap is not None:
        # Named as the mesh that arrays are placed by: of other names JAX compiles for each anew.
        return pmap(function, _AXIS, devices=used, donate_argnums=donated)

    def on_block(*blocks: Any) -> Any:
        out = function(*jax.tree.map(lambda x: x.squeeze(0), blocks))
        return jax.tree.map(lambda x: x[None], out)

    spec = jax.sharding.PartitionSpec(_AXIS)
    # Nothing is said of which values are the same on all devices: none are.
    mapped = jax.shard_map(
        on_block, mesh=_mesh(used), in_specs=spec, out_specs=spec, check_vma=False
    )
    return jax.jit(mapped, donate_argnums=donated)


def _pmap() -> Callable[..., Any] | None:
    """JAX's `pmap`; None where it is gone or on its way out."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return jax.pmap
        except (AttributeError, DeprecationWarning):
            return None


def _mesh(used: tuple[jax.Device, ...]) -> jax.sharding.Mesh:
    return jax.sharding.Mesh(np.asarray(used), (_AXIS,))


def padded(rows: np.ndarray, size: int) -> np.ndarray:
    """Row numbers filled up to `size` with the first one, whose work is thrown away."""
    return np.concatenate([rows, np.full(size - len(rows), rows[0], rows.dtype)])
