import numpy as np
import pandas as pd
import pytest
import report_workdir
import sweep_results
from sweep_results import made, result

from ethnicmer_jax.analysis import intervals, metrics, sweep
from ethnicmer_jax.analysis.counts import Counts
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.run_id import INNER


@pytest.fixture(scope="module")
def results():
    return sweep_results.four()


@pytest.fixture(scope="module")
def frame(results):
    return sweep.frame(results)


def test_scores_are_those_of_the_jobs(results, frame):
    for row, point in zip(frame.head(2).itertuples(), results, strict=False):
        runs = [one["uf1"] for one in metrics.by_run(point.predictions).values()]
        assert row.uf1 == pytest.approx(np.mean(runs))
        assert row.uf1_sd == pytest.approx(np.std(runs, ddof=1))
        assert row.uf1_low < row.uf1 < row.uf1_high
        # 14 subjects with 4 clips, in two runs.
        assert (row.runs, row.clips, row.subjects) == (2, 56, 14)
    assert frame.status.tolist() == ["finished", "finished", "failed", "not finished"]
    assert frame.seconds[:2].tolist() == [90, 30]


def test_differences_are_paired_and_from_the_first_point(results, frame):
    wanted = intervals.difference(*(Counts.of(results[i].predictions) for i in (1, 0)))
    assert wanted.design == "paired"
    found = frame.loc[1, ["difference", "difference_low", "difference_high"]].tolist()
    assert found == [wanted.estimate, wanted.low, wanted.high]
    assert frame.difference.notna().tolist() == [False, True, False, False]


def test_inner_validation_is_no_result(frame):
    predictions = made(0.5)
    inner = report_workdir.table((f"{INNER}.samm-006-seed0",), 0.0)
    both = Predictions.from_table(pd.concat([inner, predictions.table], ignore_index=True))
    again = sweep.frame([result("base", both, 90.0)])
    columns = ["runs", "clips", "uf1", "uf1_low", "uar_sd"]
    assert again.loc[0, columns].tolist() == frame.loc[0, columns].tolist()


def test_what_is_missing_is_said(frame):
    text = " ".join(sweep.conclusions(frame))
    assert "2 of 4 points are finished." in text
    assert "1 failed: the same command goes on" in text
    assert "1 not finished: the same command" in text
    assert "of epochs=80. The highest of 2 is optimistic" in text
    assert "UF1 from base whose interval excludes 0, each taken by itself: 1 of 1." in text


def test_without_the_first_point_nothing_is_compared(results):
    frame = sweep.frame([results[3], results[1]])
    assert frame.difference.isna().all()
    text = " ".join(sweep.conclusions(frame))
    assert "Differences are from epochs=9 and have to wait for it." in text


def test_points_with_other_classes_are_not_compared():
    two = report_workdir.table().drop(columns="p_surprise")
    two = two[two.emotion != "surprise"]
    two[["p_negative", "p_positive"]] = [0.75, 0.25]
    frame = sweep.frame([result("base", made(0.5)), result("two", Predictions(two))])
    assert frame.uf1.notna().all()
    assert frame.difference.isna().all()


def test_arms_of_a_point_are_rows_of_their_own():
    arms = {"mono_asian": 0.95, "mono_non_asian": 0.3}
    tables = {a: report_workdir.table((f"{a}-draw0-seed0",), rate) for a, rate in arms.items()}
    first = Predictions.from_table(pd.concat(tables.values(), ignore_index=True))
    second = Predictions.from_table(pd.concat(list(tables.values())[::-1], ignore_index=True))
    frame = sweep.frame([result("base", first), result("again", second, epochs=2), result("c")])
    assert frame.arm.tolist()[:4] == ["mono_asian", "mono_non_asian", *list(arms)[::-1]]
    alone = [sweep.frame([result("x", Predictions.from_table(t))]) for t in tables.values()]
    measured = ["runs", "clips", "subjects", "uf1", "uf1_low", "uf1_high", "uar", "accuracy_high"]
    for row, one in zip((0, 1), alone, strict=True):
        assert frame.loc[row, measured].tolist() == one.loc[0, measured].tolist()
    # The second point is the first one, so no arm differs from its own.
    assert frame.difference[2:4].tolist() == [0, 0]
    assert sweep.names(frame)[:2] == ["base: mono Asian", "base: mono Non-Asian"]
    text = " ".join(sweep.conclusions(frame))
    assert "2 of 3 points are finished. 1 not finished" in text
    assert "of base: mono Asian. The highest of 4" in text
