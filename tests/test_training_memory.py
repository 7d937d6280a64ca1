import jax
import jax.numpy as jnp
import numpy as np
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.training import memory
from ethnicmer_jax.training.memory import Need, Room
from ethnicmer_jax.training.placement import Grid
from ethnicmer_jax.training.watch import Watch

DATA = worlds.world()
GIB = 2**30


def alive(function, *arguments):
    return memory.most_alive(jax.make_jaxpr(function)(*arguments).jaxpr)


def test_values_are_alive_from_where_they_are_made_to_where_they_are_last_read():
    x = jnp.ones(100, jnp.float32)
    # Each of the three is read by the next one alone: two are alive at a time.
    assert alive(lambda x: jnp.exp(jnp.exp(jnp.exp(x))), x) == 800
    # The first one is wanted at the end, too.
    assert alive(lambda x: (y := jnp.exp(x)) + jnp.exp(jnp.exp(y)), x) == 1200
    assert alive(lambda x: x, x) == 0


def test_programs_within_operations_count():
    x = jnp.ones(100, jnp.float32)

    def doubled(i, x):
        return jnp.exp(jnp.exp(x))

    within = alive(lambda x, steps: jax.lax.fori_loop(0, steps, doubled, x), x, 3)
    assert within >= 400 + 800


@given(st.integers(0, 10**8), st.integers(1, 10**11), st.integers(0, 10**12))
def test_what_there_is_room_for_fits(state, step, free):
    room = Need(state, step).room(free)
    for number, most in ((room.fold_batch, memory.MOST), (room.slots, memory.SLOTS)):
        assert 1 <= number <= most
        assert number & (number - 1) == 0
    if room.fold_batch > 1:
        assert room.fold_batch * (state + step) <= free / 2
    if room.slots > 1:
        assert room.slots * room.fold_batch * state <= free / 4


def test_a_fold_of_ststnet_needs_what_was_measured():
    config = worlds.config(optim__batch_size=32, data__mirror=False)
    engine = worlds.engine(config, DATA)
    need = Need.of(engine.learner, worlds.first_constants(engine), engine.data, 32)
    # Three times the parameters of 1,667 numbers, for Adam, and some.
    assert 3 * 4 * 1667 < need.state < 4 * 4 * 1667
    # 9.5 MiB on an H200, benchmarks/RESULTS.md.
    assert 5 * 2**20 < need.step < 19 * 2**20
    # Of its memory under JAX's default, and of a card of 12 GiB.
    assert need.room(105 * GIB) == Room(1024, 8)
    assert need.room(9 * GIB) == Room(256, 8)


@pytest.mark.parametrize(
    ("need", "card", "most"),
    [
        # As reckoned at batches of 32 in bfloat16, 224 px.
        ((Need(134 * 10**6, 1709 * 10**6)), 105 * GIB, 16),  # ResNet-18
        ((Need(134 * 10**6, 1709 * 10**6)), 9 * GIB, 2),
        ((Need(248 * 10**6, 9827 * 10**6)), 105 * GIB, 4),  # TinyViT-21M
        ((Need(248 * 10**6, 9827 * 10**6)), 18 * GIB, 1),
    ],
)
def test_larger_networks_get_fewer_places(need, card, most):
    assert need.room(card).fold_batch == most


def test_the_smallest_device_decides_and_a_cpu_says_nothing():
    data = {"x": np.zeros(100, np.uint8)}
    large, small, silent = {"bytes_limit": 500}, {"bytes_limit": 300}, {"bytes_in_use": 1}
    assert memory.free([large, small], data) == 200
    assert memory.free([{"bytes_limit": 50}], data) == 0
    assert memory.free([large, silent], data) is None
    assert memory.free([None], data) is None
    assert memory.free([device.memory_stats() for device in jax.local_devices()], data) is None


@pytest.mark.parametrize(
    ("folds", "room", "fold_batch", "slots"),
    [
        (52, Room(1024, 8), 13, 4),  # four batches, so that four devices have one each
        (22_482, Room(1024, 8), 1022, 8),  # no more than there is room for, and none left over
        (3, Room(1024, 8), 1, 3),
        (52, Room(1, 8), 1, 8),
        (52, Room(4, 2), 4, 2),
    ],
)
def test_folds_are_parted_evenly_where_there_is_room(folds, room, fold_batch, slots):
    made = Grid.fitting(1, 0, 0, folds, room)
    assert (made.fold_batch, made.slots) == (fold_batch, slots)
    # Digits depend on the folds side by side: devices and processes have no say.
    assert Grid.fitting(4, 0, 0, folds, room).fold_batch == fold_batch
    assert Grid.fitting(2, 0, 0, folds, room, processes=3).fold_batch == fold_batch


def test_explicit_settings_win():
    room = Room(1024, 8)
    made = Grid.fitting(1, 5, 0, 100, room)
    assert (made.fold_batch, made.slots) == (5, 8)
    assert Grid.fitting(2, 0, 6, 100, room).size == 6


def test_a_grid_is_halved_down_to_one_fold():
    made, sizes = Grid.fitting(1, 3, 12, 100), []
    while made:
        sizes.append((made.fold_batch, made.slots))
        made = made.halved()
    assert sizes == [(3, 4), (2, 4), (1, 4), (1, 2), (1, 1)]


def test_what_the_devices_have_room_for_is_taken_and_noted(monkeypatch):
    monkeypatch.setattr(memory, "free", lambda stats, data: 0)
    assert worlds.engine(worlds.config(engine__devices=1), DATA).environment()["folds"] == (
        "1 side by side on a device, 1 in flight"
    )
    monkeypatch.setattr(memory, "free", lambda stats, data: GIB)
    made = worlds.config(engine__devices=1)
    assert worlds.engine(made, DATA).environment()["folds"] == (
        "2 side by side on a device, 6 in flight"
    )
    made = worlds.config(engine__devices=1, engine__fold_batch=3)
    assert worlds.engine(made, DATA).environment()["folds"].startswith("3 side by side")


def too_much():
    """More than any machine has, asked for at the device: JAX's own error."""
    jnp.zeros(1 << 47, jnp.uint8)


def runs_out(monkeypatch, calls):
    """Lets the device run out of memory when it is asked for losses, counted from 0."""
    see, count = Watch.see, iter(range(10**6))

    def seen(self, epoch, sums):
        if next(count) in calls:
            too_much()
        see(self, epoch, sums)

    monkeypatch.setattr(Watch, "see", seen)


SMALL = {"engine__devices": 1, "engine__fold_batch": 1, "engine__folds_in_flight": 4}


@pytest.mark.parametrize(
    ("keep", "lines"),
    [
        # Three flights of two folds, two epochs each: what was lost is not counted twice.
        ("none", 6),
        # The first epoch of four folds was saved, and is one line.
        ("every", 5),
    ],
)
def test_out_of_memory_halves_the_folds_in_flight_and_goes_on(
    tmp_path, monkeypatch, capsys, keep, lines
):
    config = worlds.config(**SMALL, checkpoint__keep=keep)
    wanted = worlds.engine(config, DATA).train().table
    capsys.readouterr()
    # In the second epoch of the first flight, with a line of its curve written.
    runs_out(monkeypatch, {1})
    engine = worlds.engine(config, DATA)
    assert engine.train(tmp_path).table.equals(wanted)
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if not line.startswith("training: ")] == [
        "a device has no memory left for folds 1 side by side on a device, 4 in flight: "
        "now 1 side by side on a device, 2 in flight"
    ]
    assert engine.environment()["folds"] == "1 side by side on a device, 2 in flight"
    assert len((tmp_path / "scalars.jsonl").read_text().splitlines()) == lines


def test_a_device_without_memory_for_one_fold_is_one_line(monkeypatch):
    runs_out(monkeypatch, range(100))
    with pytest.raises(UserError, match=r"no memory for a single fold; lower optim\.batch_size"):
        worlds.engine(worlds.config(**SMALL), DATA).train()


def test_other_errors_of_a_device_are_not_taken_for_it(monkeypatch):
    def broken(self, epoch, sums):
        raise jax.errors.JaxRuntimeError("INTERNAL: the device is on fire")

    monkeypatch.setattr(Watch, "see", broken)
    with pytest.raises(jax.errors.JaxRuntimeError, match="on fire"):
        worlds.engine(worlds.config(**SMALL), DATA).train()


def test_nothing_moves_between_host_and_device_unless_it_is_meant_to():
    engine = worlds.engine(worlds.config(**SMALL), DATA)
    with jax.transfer_guard("disallow"):
        assert engine.train() is not None
