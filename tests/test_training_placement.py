import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ethnicmer_jax.training import placement
from ethnicmer_jax.training.placement import Grid, padded

SHARED = jnp.linspace(-1, 1, 30).reshape(6, 5)


def learn(state, steps, shared):
    """Something that rounds: `steps` steps of a map that depends on the fold."""

    def one(i, x):
        return jnp.tanh(shared @ x + x.sum() / (i + 1))[:5] / jnp.maximum(jnp.abs(x).max(), 0.1)

    return {"x": jax.lax.fori_loop(0, steps, one, state["x"])}


def folds(count=8):
    x = np.random.default_rng(0).normal(size=(count, 5)).astype(np.float32)
    return {"x": x}, np.arange(count, dtype=np.int32) % 4 + 1


def run(grid):
    state, steps = folds(grid.size)
    made = grid.map(learn, donate_first=True)
    return grid.collect(made(*grid.place((state, steps)), grid.replicate(SHARED)))["x"]


def grid(devices, slots, fold_batch=1):
    return Grid(tuple(jax.local_devices()[:devices]), slots, fold_batch)


@pytest.mark.parametrize(("devices", "slots"), [(1, 8), (2, 4), (4, 2)])
def test_a_fold_s_result_does_not_depend_on_the_layout(devices, slots):
    alone = np.concatenate([
        jax.jit(learn)({"x": x}, steps, SHARED)["x"][None]
        for x, steps in zip(folds()[0]["x"], folds()[1], strict=True)
    ])  # fmt: skip
    assert np.array_equal(run(grid(devices, slots)), alone)


def test_batching_folds_changes_rounding_only():
    np.testing.assert_allclose(run(grid(2, 1, 4)), run(grid(2, 4)), rtol=1e-5)


@pytest.fixture
def without_pmap(monkeypatch):
    """A JAX from which `pmap` is gone."""
    monkeypatch.delattr(jax, "pmap")
    placement._mapped.cache_clear()
    yield
    placement._mapped.cache_clear()


@pytest.mark.parametrize(("devices", "slots", "fold_batch"), [(4, 2, 1), (2, 2, 2), (1, 1, 1)])
def test_without_pmap_the_same_bytes_come_from_shard_map(request, devices, slots, fold_batch):
    by_pmap = run(grid(devices, slots, fold_batch))
    request.getfixturevalue("without_pmap")
    by_shard_map = run(grid(devices, slots, fold_batch))
    assert not hasattr(jax, "pmap")
    assert by_shard_map.tobytes() == by_pmap.tobytes()


def test_a_deprecated_pmap_is_not_used_and_its_warning_not_needed(monkeypatch):
    class Deprecated:
        def __getattr__(self, name):
            if name == "pmap":
                warnings.warn("jax.pmap is deprecated", DeprecationWarning, stacklevel=2)
            return getattr(jax, name)

    assert placement._pmap() is jax.pmap
    monkeypatch.setattr(placement, "jax", Deprecated())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert placement._pmap() is None


def test_placing_and_collecting_keep_the_order():
    made = grid(2, 2, 2)
    tree = {"a": np.arange(8), "b": np.arange(16.0).reshape(8, 2)}
    back = made.collect(made.place(tree))
    assert np.array_equal(back["a"], tree["a"])
    assert np.array_equal(back["b"], tree["b"])


def test_shared_data_are_on_every_device():
    copies = grid(4, 1).replicate({"x": SHARED})["x"]
    assert len(copies.sharding.device_set) == 4
    assert all(np.array_equal(copy, SHARED) for copy in copies)
    # No device ever holds the copies of the others.
    assert [shard.data.shape for shard in copies.addressable_shards] == [(1, 6, 5)] * 4


def test_nothing_is_moved_but_by_placing_and_collecting():
    made = grid(4, 2)
    with jax.transfer_guard("disallow"):
        placed = made.place(folds(made.size))
        shared = made.replicate({"x": np.asarray(SHARED)})
    step = made.map(learn, donate_first=True)
    state, steps = placed
    with jax.transfer_guard("disallow"):
        for _ in range(2):
            state = step(state, steps, shared["x"])
        assert np.isfinite(made.collect(state)["x"]).all()


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        # devices, fold_batch, in flight, folds
        ((2, 3, 12, 100), 12),
        ((2, 3, 13, 100), 12),  # never more than asked for
        ((4, 1, 1, 100), 4),  # but at least one slot a device
        ((2, 1, 100, 3), 4),  # and no more slots than the folds need
    ],
)
def test_the_grid_bounds_the_folds_in_flight(arguments, size):
    assert Grid.fitting(*arguments).size == size


def test_zeros_take_all_devices_and_some_slots():
    made = Grid.fitting(0, 0, 0, 1000)
    assert len(made.devices) == len(jax.local_devices())
    assert made.slots * made.fold_batch > 1


def test_padding_repeats_the_first_row():
    assert padded(np.array([7, 8]), 5).tolist() == [7, 8, 7, 7, 7]
    assert padded(np.array([7, 8]), 2).tolist() == [7, 8]
