import numpy as np
import pytest

from ethnicmer_jax.base.grouping import EXCLUDED, GROUPINGS, grouping
from ethnicmer_jax.base.schema import ETHNICITIES, UserError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("reference", {"White": 1, "Black": 1, "Asian": 0, "Indian": 0, "Others": 0}),
        ("strict", {"White": 1, "Black": 1, "Asian": 0, "Indian": 1, "Others": 1}),
        ("white_black_vs_asian", {"White": 1, "Black": 1, "Asian": 0}),
    ],
)
def test_named_groupings_place_every_ethnicity(name, expected):
    chosen = grouping(name)
    assert chosen.names == ("asian", "non_asian")
    indices = chosen.indices(np.arange(len(ETHNICITIES)))
    assert indices.dtype == np.int32
    assert indices.tolist() == [expected.get(ethnicity, -1) for ethnicity in ETHNICITIES]


def test_unknown_belongs_to_no_group():
    assert grouping("strict").group_of("Unknown") == "excluded"


@pytest.mark.parametrize("name", GROUPINGS)
def test_members_say_the_group_of_every_ethnicity_that_has_one(name):
    chosen = grouping(name)
    assert set(chosen.members.values()) == set(chosen.names)
    for ethnicity in ETHNICITIES:
        assert chosen.members.get(ethnicity, EXCLUDED) == chosen.group_of(ethnicity)


def test_a_custom_grouping_is_taken_as_it_stands():
    chosen = grouping("custom", {"dark": ("Black", "Indian"), "light": ("White",)})
    assert chosen.names == ("dark", "light")
    assert chosen.indices(np.array([0, 1, 2, 3, 4, 5])).tolist() == [1, 0, -1, 0, -1, -1]


@pytest.mark.parametrize(
    "text",
    ["dark=Black+Indian;light=White", " dark = Black + Indian ; light = White ; "],
)
def test_a_custom_grouping_can_be_text(text):
    assert grouping("custom", text).groups == {"dark": ("Black", "Indian"), "light": ("White",)}


@pytest.mark.parametrize(
    ("name", "custom", "reason"),
    [
        ("asean", None, "grouping 'asean' is not known; choose one of reference"),
        ("custom", None, "at least two groups"),
        ("custom", "", "at least two groups"),
        ("custom", "asian", "'asian' does not read asian=Asian"),
        ("custom", "=Asian;b=White", "does not read"),
        ("custom", "a=Asian;a=White", "each group once"),
        ("custom", "a=Asian;b=", "'b' of the custom grouping is empty"),
        ("custom", "a=Asian;b=Martian", "'Martian' in group 'b'"),
        ("custom", {"one": ("Asian",)}, "at least two groups"),
        ("custom", {"one": ("Asian",), "two": ()}, "'two' of the custom grouping is empty"),
        ("custom", {"one": ("Asian",), "two": ("Asian",)}, "'Asian' stands in two groups"),
        ("custom", {"one": ("Asian",), "two": ("Martian",)}, "'Martian' in group 'two'"),
        ("custom", {"one": ("Asian",), "two": ("Unknown",)}, "'Unknown' in group 'two'"),
        *(
            ("custom", f"{name}=Asian;other=White", f"group '{name}'")
            for name in ("north.asia", "a/b", "stereo", "a_to_b", "a-seed0", "excluded", "all")
        ),
    ],
)
def test_a_wrong_grouping_is_refused(name, custom, reason):
    with pytest.raises(UserError, match=reason):
        grouping(name, custom)
