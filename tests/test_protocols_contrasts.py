import collections
import functools

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from ethnicmer_jax.base.contrast_roles import FAMILIES
from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.protocols import build, contrasts
from ethnicmer_jax.protocols.request import Request

SIDES = ("asian", "non_asian")
STEREO = {"stereo", "stereo_to_asian", "stereo_to_non_asian"}
SQUARE = {"mono_asian", "mono_non_asian", "asian_to_non_asian", "non_asian_to_asian"}


@functools.cache
def crossed():
    """Two databases, each with 5 Asian, 4 White and 2 Indian persons of 5 clips."""
    people = [
        (database, f"{ethnicity[0]}{number}", ethnicity)
        for database in ("one", "two")
        for ethnicity, count in (("Asian", 5), ("White", 4), ("Indian", 2))
        for number in range(count)
    ]
    return worlds.world(people, 5, size=2)


def config(**protocol):
    changes = {"name": "study", "subjects": 0, "draws": 2} | protocol
    return worlds.config(**{f"protocol__{name}": value for name, value in changes.items()}).protocol


def plan(data=None, **protocol):
    return build(config(**protocol), crossed() if data is None else data, 0)


@functools.cache
def folds():
    return plan().folds


def contrast(name, **protocol):
    """One of the contrasts over `crossed`."""
    options, data = config(**protocol), crossed()
    everything, chosen = np.ones(len(data), bool), grouping(options.grouping)
    found = contrasts.named(Request(options, data, everything, chosen, range(1)))
    return {one.name: one for one in found}[name]


def arms(table):
    """{(contrast, draw): {cell: rows}}."""
    found = collections.defaultdict(dict)
    for run in dict.fromkeys(table.run):
        name, _, rest = run.rpartition(".")
        cell, draw, _ = rest.split("-")
        found[name, draw][cell] = table.select(table.run == run)
    return found


def persons(mask, data=None):
    return set((crossed() if data is None else data).person[mask])


def clips_tested(rows):
    return rows.test.union()


def test_every_contrast_has_its_cells_in_every_draw():
    found = {name: set(cells) for name, cells in arms(folds()).items()}
    expected = {
        "ethnicity": SQUARE | STEREO,
        # Five Asian subjects a database are too few for halves of them.
        "within_one": SQUARE,
        "within_two": SQUARE,
        "placebo": {"mono_a", "mono_b", "a_to_b", "b_to_a"},
        "database": {"mono_a", "mono_b", "a_to_b", "b_to_a"},
        "flipped": SQUARE,
    }
    for name in ("reference", "white_black_vs_asian"):
        expected[f"{name}_grouping"] = SQUARE | STEREO
        expected[f"within_one_{name}_grouping"] = SQUARE
        expected[f"within_two_{name}_grouping"] = SQUARE
    assert found == {(name, f"draw{k}"): cells for name, cells in expected.items() for k in (0, 1)}


def test_run_ids_name_contrast_cell_draw_and_seed():
    runs = plan(contrasts=("database",), draws=1, seeds=2).folds.run
    assert list(dict.fromkeys(runs)) == [
        f"database.{cell}-draw0-seed{seed}"
        for seed in (0, 1)
        for cell in ("mono_a", "mono_b", "a_to_b", "b_to_a")
    ]


def test_arms_of_a_draw_have_the_same_clips_of_every_class():
    for cells in arms(folds()).values():
        counts = {
            tuple(np.bincount(crossed().emotion[clips_tested(rows)], minlength=3))
            for cell, rows in cells.items()
            if "_to_" not in cell
        }
        assert len(counts) == 1
        assert min(counts)[0] > 0


def test_a_side_is_tested_on_the_same_clips_whatever_was_trained_on():
    for cells in arms(folds()).values():
        for cell, rows in cells.items():
            source, across, target = cell.partition("_to_")
            if across:
                assert np.array_equal(clips_tested(rows), clips_tested(cells[f"mono_{target}"])), (
                    cell,
                    source,
                )


def test_training_sets_have_the_same_subjects_and_size_whoever_is_tested():
    for (name, _), cells in arms(folds()).items():
        for cell, rows in cells.items():
            source, across, _ = cell.partition("_to_")
            if not across or name.startswith("within"):
                continue
            own = cells["stereo" if source == "stereo" else f"mono_{source}"]
            sizes = {len(persons(train)) for train in (*rows.train, *own.train)}
            assert sizes == {len(persons(clips_tested(own))) - 1}
            assert persons(rows.train.union()) <= persons(clips_tested(own))


def test_within_a_database_both_models_of_a_subject_learn_from_the_same_classes():
    data, found = crossed(), arms(folds())
    within = {key: cells for key, cells in found.items() if key[0].startswith("within")}
    assert within
    for cells in within.values():
        for a, b in (SIDES, SIDES[::-1]):
            own, other = cells[f"mono_{a}"], cells[f"{b}_to_{a}"]
            assert list(own.fold) == list(other.fold)
            assert np.array_equal(own.test, other.test)
            for mine, theirs in zip(own.train, other.train, strict=True):
                counts = [np.bincount(data.emotion[m], minlength=3) for m in (mine, theirs)]
                assert np.array_equal(*counts)


def test_strangers_are_one_fold_and_those_in_the_mixture_one_each():
    cells = arms(folds())["ethnicity", "draw0"]
    assert len(cells["asian_to_non_asian"]) == 1
    mixed = persons(clips_tested(cells["stereo"]))
    asian = persons(clips_tested(cells["mono_asian"]))
    assert len(cells["stereo_to_asian"]) == len(mixed & asian) + 1
    assert len(mixed & asian) == len(mixed) / 2


def test_sides_share_nobody_and_are_those_of_the_grouping():
    data, strict = crossed(), grouping("strict").indices(crossed().ethnicity)
    for (name, _), cells in arms(folds()).items():
        a, b = (clips_tested(rows) for cell, rows in cells.items() if cell.startswith("mono_"))
        assert not persons(a) & persons(b)
        if name in ("ethnicity", "within_one", "within_two"):
            assert set(strict[a]) == {0}
            assert set(strict[b]) == {1}
        if name.startswith("within_one"):
            assert set(data.database[a | b]) == {"one"}
        if name == "database":
            assert set(data.database[a]) == {"one"}
            assert set(data.database[b]) == {"two"}


def test_both_sides_come_from_the_same_databases_where_they_can():
    data = crossed()
    for (name, _), cells in arms(folds()).items():
        if name in ("ethnicity", "placebo"):
            a, b = (persons(clips_tested(r)) for c, r in cells.items() if c.startswith("mono_"))
            assert sum(p.startswith("one/") for p in a) == sum(p.startswith("one/") for p in b)
    assert len(set(data.database)) == 2


@pytest.mark.parametrize("family", FAMILIES[:-1])
def test_a_contrast_does_not_depend_on_which_others_there_are(family):
    alone = plan(contrasts=(family,)).folds
    same = folds().select(np.isin(folds().run, alone.run))
    for field in ("run", "fold", "train", "test", "seed"):
        assert np.array_equal(getattr(same, field), getattr(alone, field))


def test_a_draw_does_not_depend_on_how_many_there_are():
    fewer = plan(draws=1).folds
    same = folds().select(np.isin(folds().run, fewer.run))
    assert np.array_equal(same.test, fewer.test)
    assert np.array_equal(same.train, fewer.train)
    other = plan(draws=1, draw_seed=1).folds
    assert not np.array_equal(other.test, fewer.test)


def test_controls_have_fewer_draws_where_wanted():
    found = collections.Counter(name for name, _ in arms(plan(draws=3, control_draws=2).folds))
    assert found["ethnicity"] == found["within_one"] == found["placebo"] == 3
    assert found["database"] == found["flipped"] == found["reference_grouping"] == 2


def test_placebo_sides_ignore_the_real_groups():
    data, one = crossed(), contrast("placebo")
    person, first = np.unique(data.person, return_index=True)
    real = grouping("strict").indices(data.ethnicity)[first]
    drawn = np.stack([one.assign(np.random.default_rng(k))[first] for k in range(300)])
    for group in (0, 1):
        for database in ("one", "two"):
            mine = (real == group) & (data.database[first] == database)
            # 5 and 6 persons a cell: halves differ by one at most.
            assert (np.abs(drawn[:, mine].sum(1) - mine.sum() / 2) <= 0.5).all()
    # sd of a share over 300 fair draws is .029.
    assert np.abs(drawn.mean(0) - 0.5).max() < 0.12
    # Two persons of one cell are mostly apart: halves are not always the same ones.
    assert len({row.tobytes() for row in drawn}) > 250
    assert len(person) == 22


def test_placebo_arms_are_as_large_as_the_real_ones():
    everything = arms(folds())
    for draw in ("draw0", "draw1"):
        real, placebo = everything["ethnicity", draw], everything["placebo", draw]
        sizes = [
            len(persons(clips_tested(rows))) for rows in (real["mono_asian"], placebo["mono_a"])
        ]
        assert sizes[0] == sizes[1] == 10
        counts = [
            np.bincount(crossed().emotion[clips_tested(rows)], minlength=3)
            for rows in (real["mono_asian"], placebo["mono_a"])
        ]
        assert (counts[1] <= counts[0]).all()


def test_a_tenth_of_the_subjects_is_flipped():
    data, one = crossed(), contrast("flipped", grouping="white_black_vs_asian")
    _, first = np.unique(data.person, return_index=True)
    true = grouping("white_black_vs_asian").indices(data.ethnicity)[first]
    drawn = np.stack([one.assign(np.random.default_rng(k))[first] for k in range(500)])
    assert (drawn[:, true < 0] == -1).all()
    wrong = (drawn != true)[:, true >= 0]
    # 9,000 coins of probability .1: sd .003.
    assert wrong.mean() == pytest.approx(0.1, abs=0.012)
    assert wrong.any(0).all()


def test_groupings_that_change_nobody_are_left_out():
    data = worlds.group_world(5, 5)
    names = {name for name, _ in arms(plan(data).folds)}
    # Neither database has both groups either.
    assert names == {"ethnicity", "placebo", "database", "flipped"}


def test_another_grouping_names_the_sides():
    custom = "light=White;dark=Asian+Indian"
    made = plan(grouping="custom", grouping_custom=custom, contrasts=("ethnicity",), draws=1)
    assert set(arms(made.folds)["ethnicity", "draw0"]) >= {"mono_light", "dark_to_light"}


def test_a_contrast_that_cannot_be_matched_is_left_out_with_a_note():
    data = crossed()
    # In database two, Asian persons show nothing but the first emotion.
    asian = np.char.startswith(data.person, "two/A")
    made = plan(data.select(~asian | (data.emotion == 0)), draws=1)
    assert not np.char.startswith(made.folds.run.astype(str), "within_two.").any()
    assert any(note.startswith("within Two: draw 0 leaves no two") for note in made.notes)


def test_the_reference_draw_stands_beside_ours(real_manifest, annotations):
    data = worlds.read_manifest(real_manifest, size=2)
    table = str(annotations / "JointDB_MetaEmotionConcised.csv")
    made = plan(data, draws=1, pool=table, contrasts=("reference", "database"))
    cells = arms(made.folds)["reference", "draw0"]
    # 101, 90 and 100 drawn; 12 of the 290 clips have no flow image.
    clips = {cell: int(clips_tested(rows).sum()) for cell, rows in cells.items()}
    assert clips == {"mono_asian": 95, "mono_non_asian": 90, "stereo": 97}
    assert any("mono Asian: 101 clips of 16 subjects drawn" in note for note in made.notes)


@pytest.mark.parametrize(
    ("protocol", "reason"),
    [
        ({"contrasts": ("placebos",)}, "names placebos; choose from"),
        ({"flip_rate": 1.5}, "flip_rate is 1.5"),
        ({"subjects": 16}, "16 asian subjects are asked for and 10 are there"),
        ({"databases": ("one",), "contrasts": ("database",)}, "names database, for which"),
        (
            {"grouping": "custom", "grouping_custom": "a=Asian;b=White;c=Indian"},
            "compares two groups, and custom has 3",
        ),
        ({"contrasts": ("reference",)}, "16 asian subjects are asked for"),
    ],
)
def test_a_wrong_study_is_refused_in_one_line(protocol, reason):
    with pytest.raises(UserError, match=reason) as caught:
        plan(**protocol)
    assert "\n" not in str(caught.value)


@settings(deadline=None, max_examples=15)
@given(st.integers(3, 6), st.integers(3, 6), st.integers(3, 5), st.integers(0, 10**6))
def test_nobody_is_on_both_sides_of_a_fold(asian, other, clips, seed):
    data = worlds.group_world(asian, other, clips)
    table = plan(data, draws=1, draw_seed=seed).folds
    for train, test in zip(table.train, table.test, strict=True):
        assert not persons(train, data) & persons(test, data)
