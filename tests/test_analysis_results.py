"""The numbers of a report: arms, baselines, composition and comparisons."""

import numpy as np
import pandas as pd
import pytest
import report_workdir

from ethnicmer_jax.analysis import comparisons, results
from ethnicmer_jax.analysis.conclusion import Verdict
from ethnicmer_jax.base.predictions import Predictions


def _job(rows: pd.DataFrame) -> tuple[Predictions, np.ndarray]:
    job = Predictions.from_table(rows)
    group = job.table["ethnicity"].map({"Asian": "asian", "White": "non_asian"}).fillna("")
    return job, group.to_numpy(object)


@pytest.mark.parametrize(
    ("run", "arm"),
    [
        ("loso-seed3", "loso"),
        ("mono_asian-draw12-seed0", "mono_asian"),
        ("stereo-draw0", "stereo"),
        ("anything", "anything"),
        ("x-seed1-y", "x-seed1-y"),
    ],
)
def test_an_arm_is_a_run_without_draw_and_seed(run, arm):
    job, _ = _job(report_workdir.table((run,)))
    assert set(results.arms(job)) == {arm}


def test_baselines_of_the_real_class_counts():
    # 180 / 58 / 40 clips: always "negative" has F1 2 * 180 / (180 + 278) = .786 in one of
    # three classes, so UF1 .262; an even guess recalls a third of every class, so UAR 1/3.
    emotions = ["negative"] * 180 + ["positive"] * 58 + ["surprise"] * 40
    rows = pd.DataFrame(
        {"run": "r", "fold": "f", "database": "d", "subject": "s", "clip": range(278)}
        | {"emotion": emotions, "ethnicity": "Asian"}
        | {"p_negative": 1.0, "p_positive": 0.0, "p_surprise": 0.0}
    )
    baselines = results.baselines(_job(rows)[0])
    assert baselines["majority class"]["uf1"] == pytest.approx(0.262, abs=5e-4)
    assert baselines["majority class"]["accuracy"] == pytest.approx(180 / 278)
    assert baselines["chance"]["uar"] == pytest.approx(1 / 3)
    assert baselines["chance"]["accuracy"] == pytest.approx(1 / 3)


def test_composition_counts_each_clip_once_and_keeps_who_is_excluded():
    frame = results.composition(*_job(report_workdir.table()))
    cells = frame.set_index(["database", "ethnicity"])
    assert cells.loc[("casme2", "Asian"), ["group", "subjects", "clips"]].tolist() == [
        "asian",
        6,
        24,
    ]
    assert cells.loc[("samm", "Indian"), "group"] == "excluded"
    assert cells.loc[("all", "all"), ["subjects", "clips", "negative"]].tolist() == [14, 56, 28]


def test_parts_cover_groups_databases_and_their_pairs():
    parts = results.part_scores(*_job(report_workdir.table(("loso-seed0",))))
    assert parts.groupby("section", sort=False).label.agg(list).to_dict() == {
        "All clips": ["LOSO"],
        "By group": ["Asian", "Non-Asian"],
        "By database": ["CASME II", "SAMM"],
        "By group within database": ["CASME II, Asian", "SAMM, Asian", "SAMM, Non-Asian"],
    }
    assert (parts.uf1_low <= parts.uf1).all()
    assert (parts.uf1 <= parts.uf1_high).all()


def test_class_scores_of_perfect_predictions():
    scores = results.class_scores(*_job(report_workdir.table(("loso-seed0",), hit_rate=1.0)))
    assert (scores[["f1", "recall"]] == 1).all(axis=None)
    assert (scores.false_positive_rate == 0).all()
    assert scores[(scores.part == "all")].clips.tolist() == [28, 14, 14]


def test_groups_spread_unevenly_over_databases_are_confounded():
    job, group = _job(report_workdir.table(("loso-seed0",)))
    pair = ("asian", "non_asian")
    assert comparisons.confounded(job, group, pair)
    inside = job.table["database"].to_numpy() == "samm"
    assert not comparisons.confounded(job.select(inside), group[inside], pair)


def _with_non_asian_wrong(databases: set[str]) -> pd.DataFrame:
    """All right, except that every clip of White subjects in `databases` is taken for another."""
    rows = report_workdir.table(("loso-seed0",), hit_rate=1.0)
    columns = ["p_negative", "p_positive", "p_surprise"]
    wrong = (rows.ethnicity == "White") & rows.database.isin(databases)
    rows.loc[wrong, columns] = np.roll(rows.loc[wrong, columns].to_numpy(), 1, axis=1)
    return rows


def test_a_difference_that_shows_within_a_database_survives():
    (found,) = comparisons.compare_all(*_job(_with_non_asian_wrong({"samm"})))
    assert found.interval.estimate == pytest.approx(1.0)
    assert found.finding.verdict is Verdict.SURVIVES


def test_the_same_difference_without_asians_in_samm_is_not_separable():
    rows = _with_non_asian_wrong({"samm"})
    rows = rows[~((rows.database == "samm") & (rows.ethnicity == "Asian"))]
    (found,) = comparisons.compare_all(*_job(rows))
    assert found.finding.verdict is Verdict.NOT_SEPARABLE


def test_several_comparisons_hold_jointly():
    runs = ("mono_asian-draw0-seed0", "stereo-draw0-seed0")
    rows = report_workdir.table(runs)
    rows = rows[~(rows.run.str.startswith("mono") & (rows.ethnicity != "Asian"))]
    found = comparisons.compare_all(*_job(rows))
    assert [(c.of, c.label) for c in found] == [
        ("arms", "mono Asian minus stereo"),
        ("groups", "stereo: Asian minus Non-Asian"),
    ]
    assert {c.interval.level for c in found} == {0.975}
