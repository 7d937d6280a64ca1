"""Selection from made-up sweeps, in which it is known who is right about whom."""

import json
import types

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ethnicmer_jax.base import predictions
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.run_id import INNER
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs.sweep import result_files, selection

EMOTIONS = ("negative", "positive", "surprise")
SUBJECTS = ("a", "b", "c")
CONFIG = {
    "name": "grid, x",
    "data": {"source": "manifest"},
    "protocol": {"name": "nested", "grouping": "strict", "grouping_custom": ""},
}


def rows(run, fold, subject, right):
    """Three clips of a subject, one of each class: all predicted rightly, or all wrongly."""
    for number, emotion in enumerate(EMOTIONS):
        p = np.full(3, 0.2)
        p[number if right else (number + 1) % 3] = 0.6
        yield (run, fold, "lab", subject, f"c{number}", emotion, "Asian", *p)


def table(inner_right, outer_right, seeds=(0, 1)):
    """The predictions of a nested job.

    Args:
      inner_right: for every subject held out, the other subjects that inner folds get right.
      outer_right: the subjects that LOSO gets right.
      seeds: of LOSO.
    """
    made = [
        row
        for seed in seeds
        for subject in SUBJECTS
        for row in rows(f"loso-seed{seed}", f"lab-{subject}", subject, subject in outer_right)
    ]
    made += [
        row
        for held_out in SUBJECTS
        for fold, subject in enumerate(s for s in SUBJECTS if s != held_out)
        for row in rows(
            f"{INNER}.lab-{held_out}-seed0",
            f"fold{fold}",
            subject,
            subject in inner_right[held_out],
        )
    ]
    columns = ["run", "fold", "database", "subject", "clip", "emotion", "ethnicity"]
    return pd.DataFrame(made, columns=[*columns, *(f"p_{name}" for name in EMOTIONS)])


# Beside a, the first point is right about all others and the second about none; beside b it is
# the other way round; beside c both are right about one of two.
FIRST = table({"a": "bc", "b": "", "c": "a"}, outer_right="ab")
SECOND = table({"a": "", "b": "ac", "c": "b"}, outer_right="bc")


def sweep(directory, *tables, configs=None):
    names = [f"x={number}" for number in range(len(tables))]
    points = [types.SimpleNamespace(name=name, overrides={}) for name in names]
    result_files.describe(directory, "grid", points)
    configs = configs or [CONFIG] * len(tables)
    for name, rows_of_point, config in zip(names, tables, configs, strict=True):
        if rows_of_point is not None:
            point = directory / "points" / name
            predictions.write(point / "predictions.csv", Predictions.from_table(rows_of_point))
            (point / "config.json").write_text(json.dumps(config))
    return directory


def read(*tables):
    """Results as they come from a directory, without one."""
    return [
        result_files.Result(f"x={i}", {}, CONFIG, Predictions.from_table(made), None, None)
        for i, made in enumerate(tables)
    ]


def test_inner_scores_are_pooled_over_the_inner_folds():
    scores = selection.inner_scores(read(FIRST, SECOND))
    # Every class: one clip found, one missed and taken for the next class: F1 1/2.
    wanted = {"x=0": [1.0, 0.0, 0.5], "x=1": [0.0, 1.0, 0.5]}
    pd.testing.assert_frame_equal(
        scores, pd.DataFrame(wanted, index=pd.Index(["lab-a", "lab-b", "lab-c"], name="fold"))
    )


def test_subjects_of_a_part_share_the_inner_folds_that_leave_them_out():
    made = FIRST[~FIRST["run"].str.startswith(INNER)]
    columns = made.columns
    inner = [*rows(f"{INNER}.part0-seed0", "fold0", "c", True)]
    inner += [r for who in "ab" for r in rows(f"{INNER}.part1-seed0", "fold0", who, False)]
    both = pd.concat([made, pd.DataFrame(inner, columns=columns)], ignore_index=True)
    scores = selection.inner_scores(read(both))["x=0"]
    assert scores.to_dict() == {"lab-a": 1.0, "lab-b": 1.0, "lab-c": 0.0}


def test_every_subject_is_predicted_by_the_point_best_beside_it(tmp_path):
    selection.write(sweep(tmp_path, FIRST, SECOND), tmp_path / "out")
    chosen = pd.read_csv(tmp_path / "out" / "selection.csv").set_index("fold")
    # The tie of c goes to the first point, which is wrong about c: honesty costs.
    assert chosen.chosen.to_dict() == {"lab-a": "x=0", "lab-b": "x=1", "lab-c": "x=0"}
    assert chosen["inner_uf1:x=1"].to_dict() == {"lab-a": 0, "lab-b": 1, "lab-c": 0.5}
    found = predictions.read(tmp_path / "out" / "predictions.csv")
    right = found.emotion_index == found.predicted
    assert pd.Series(right).groupby(found.table["subject"]).all().to_dict() == {
        "a": True,
        "b": True,
        "c": False,
    }
    # Both seeds of LOSO, in the order of the jobs; no inner run.
    assert found.row_keys() == Predictions.from_table(FIRST).outer().row_keys()
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert list(metrics["runs"]) == ["loso-seed0", "loso-seed1"]
    assert metrics["runs"]["loso-seed0"]["uf1"] == pytest.approx(2 / 3)


def test_the_report_says_what_was_chosen_and_how(tmp_path):
    other = CONFIG | {"name": "grid, y", "optim": {"epochs": 80}}
    first = CONFIG | {"optim": {"epochs": 20}}
    selection.write(sweep(tmp_path, FIRST, SECOND, configs=[first, other]), tmp_path / "out")
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    assert "for each of 3 subjects held out, the best of 2 settings by UF1" in page
    assert "chosen: x=0 for 2; x=1 for 1" in page
    assert "chosen from 20 | 80" in page
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (config["name"], config["points"]) == ("grid, selected", ["x=0", "x=1"])
    assert config["protocol"] == CONFIG["protocol"]


@settings(deadline=None, max_examples=25)
@given(
    st.dictionaries(st.sampled_from(SUBJECTS), st.sets(st.sampled_from(SUBJECTS)), min_size=3),
    st.sets(st.sampled_from(SUBJECTS)),
    st.sampled_from(SUBJECTS),
)
def test_nothing_of_a_subject_has_a_say_in_what_predicts_it(inner, outer, held_out):
    """Whatever the points make of its clips, in LOSO or beside others, its choice stays."""
    own = {other: right - {held_out} for other, right in inner.items()}
    changed = {
        other: right | {held_out} if other != held_out else right for other, right in own.items()
    }
    before = selection.inner_scores(read(table(own, outer - {held_out}), SECOND))
    after = selection.inner_scores(read(table(changed, outer | {held_out}), SECOND))
    fold = f"lab-{held_out}"
    assert before.loc[fold].tolist() == after.loc[fold].tolist()
    assert before.idxmax(axis=1)[fold] == after.idxmax(axis=1)[fold]


def test_points_with_an_ethnic_branch_mix_with_points_without(tmp_path):
    with_branch = SECOND.assign(q_Asian=0.75, q_White=0.25)
    selection.write(sweep(tmp_path, FIRST, with_branch), tmp_path / "out")
    found = predictions.read(tmp_path / "out" / "predictions.csv")
    absent = found.table[["q_Asian", "q_White"]].isna().all(axis=1)
    assert (absent == (found.table["subject"] != "b")).all()


def test_another_selection_is_replaced_when_that_is_asked_for(tmp_path, capsys):
    selection.write(sweep(tmp_path, FIRST, SECOND), tmp_path / "out")
    assert "chosen: x=0 for 2; x=1 for 1" in capsys.readouterr().out
    selection.write(tmp_path, tmp_path / "out")
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    sweep(tmp_path, FIRST, FIRST)
    with pytest.raises(UserError, match=r"holds grid, selected; .* with --overwrite"):
        selection.write(tmp_path, tmp_path / "out")
    assert before == {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    selection.write(tmp_path, tmp_path / "out", overwrite=True)
    for finished in (tmp_path, tmp_path / "points" / "x=0"):
        with pytest.raises(UserError, match="holds results of its own"):
            selection.write(tmp_path, finished, overwrite=True)


def test_one_point_is_its_own_selection(tmp_path):
    selection.write(sweep(tmp_path, FIRST), tmp_path / "out")
    found = predictions.read(tmp_path / "out" / "predictions.csv")
    pd.testing.assert_frame_equal(found.table, Predictions.from_table(FIRST).outer().table)


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        ((FIRST, None), r"1 of 2 points of .* are not finished, such as x=1"),
        ((FIRST[~FIRST.run.str.startswith(INNER)],), "x=0 has no inner folds .*name=nested"),
        ((FIRST, SECOND[1:]), "x=1 and x=0 differ in their classes, folds or clips"),
        ((FIRST, table(dict.fromkeys(SUBJECTS, ""), "", seeds=(0,))), "x=1 and x=0 differ"),
    ],
)
def test_points_that_cannot_be_chosen_from_are_refused(tmp_path, tables, reason):
    with pytest.raises(UserError, match=reason) as caught:
        selection.write(sweep(tmp_path, *tables), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
