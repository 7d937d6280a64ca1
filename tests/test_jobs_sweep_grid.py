import ml_collections
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs.sweep import grid


def with_grid(**fields):
    config = worlds.config(name="grid")
    config.sweep = ml_collections.ConfigDict(fields, convert_dict=False)
    return config.lock()


def names(**fields):
    return [point.name for point in grid.points(with_grid(**fields))]


def test_a_product_has_every_combination_and_its_last_axis_runs_fastest():
    made = grid.points(
        with_grid(product={"model.fusion": ("none", "mtl"), "optim.epochs": (1, 2, 3)})
    )
    assert [point.name for point in made] == [
        *(f"fusion=none,epochs={n}" for n in (1, 2, 3)),
        *(f"fusion=mtl,epochs={n}" for n in (1, 2, 3)),
    ]
    last = made[-1]
    assert last.overrides == {"model.fusion": "mtl", "optim.epochs": 3}
    assert (last.config.model.fusion, last.config.optim.epochs) == ("mtl", 3)
    assert last.config.name == "grid, fusion=mtl,epochs=3"


def test_points_are_taken_as_they_are_and_leave_the_base_alone():
    config = with_grid(points=({}, {"optim.weight_decay": 1}, {"data.classes": 2}))
    made = grid.points(config)
    assert [point.name for point in made] == ["base", "weight_decay=1", "classes=2"]
    # An int is a legal float; the field keeps its type.
    assert [point.config.optim.weight_decay for point in made] == [0.0, 1.0, 0.0]
    assert isinstance(made[1].config.optim.weight_decay, float)
    assert [point.config.data.classes for point in made] == ["3", "3", "2"]
    assert all("sweep" not in point.config and point.config.is_locked for point in made)
    assert config.optim.weight_decay == 0.0


def test_a_name_says_as_little_as_is_clear():
    # image_size exists in data and in model, epochs in optim alone.
    assert names(points=({"model.image_size": 56, "optim.epochs": 9},)) == [
        "model.image_size=56,epochs=9"
    ]
    assert names(points=({"protocol.arms": ("stereo", "mono_asian")},)) == [
        "arms=stereo+mono_asian"
    ]
    assert names(points=({"data.mirror": False, "optim.learning_rate": 3e-4},)) == [
        "mirror=False,learning_rate=0.0003"
    ]


def test_values_that_no_directory_can_hold_stay_apart():
    one, other, long = names(
        points=({"data.raw": "a/b"}, {"data.raw": "a b"}, {"data.raw": "x" * 300})
    )
    assert one.startswith("raw=a_b-")
    assert other.startswith("raw=a_b-")
    assert one != other
    assert len(long) < 120


@given(st.integers(1, 40), st.integers(1, 12))
def test_shards_partition_the_points_evenly(count, shards):
    everything = list(range(count))
    parts = [grid.share(everything, f"{i}/{shards}") for i in range(1, shards + 1)]
    assert sorted(point for part in parts for point in part) == everything
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("shard", ["0/4", "5/4", "1/0", "1", "", "-1/4", "a/b", "1/4/2", "1 / 4"])
def test_another_shard_is_refused(shard):
    with pytest.raises(UserError, match="must be i/n with i from 1 to n"):
        grid.share([1, 2], shard)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "must have config.sweep with either product or points"),
        ({"points": ({},), "product": {}}, "either product or points"),
        ({"grid": ({},)}, "config.sweep has 'grid'"),
        ({"points": ()}, "must be a tuple of one or more dicts"),
        ({"points": ("model.fusion=mtl",)}, "point 1 is 'model.fusion=mtl', not a dict"),
        ({"product": {}}, "must be a dict of one or more fields"),
        ({"product": {"model.fusion": "none"}}, "model.fusion needs a tuple of values"),
        ({"product": {"model.fusion": ()}}, "model.fusion needs a tuple of values"),
        ({"points": ({"optim.epoch": 3},)}, "no setting 'optim.epoch'; did you mean optim.epochs"),
        ({"points": ({"fusion": "mtl"},)}, "no setting 'fusion'; did you mean .*model.fusion"),
        ({"points": ({"model": 3},)}, "no setting 'model'"),
        ({"points": ({"qqqq": 3},)}, "no setting 'qqqq'; see configs/common.py"),
        (
            {"points": ({"optim.epochs": "many"},)},
            "epochs cannot be 'many'; its type is int,",
        ),
        ({"points": ({"optim.epochs": 2.5},)}, "epochs cannot be 2.5"),
        ({"points": ({"data.mirror": 1},)}, "mirror cannot be 1; its type is bool, as of True"),
        ({"points": ({"model.fusion": ("none",)},)}, r"fusion cannot be \('none',\)"),
        ({"points": ({}, {"seed": 1}, {"seed": 1})}, "points 2 and 3 are both seed=1"),
    ],
    ids=str,
)
def test_a_wrong_grid_is_refused_in_one_line(fields, reason):
    with pytest.raises(UserError, match=reason) as caught:
        grid.points(with_grid(**fields))
    assert "\n" not in str(caught.value)


def test_a_config_without_a_grid_is_refused():
    with pytest.raises(UserError, match="must have config"):
        grid.points(worlds.config().lock())
