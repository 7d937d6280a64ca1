"""The report of a study: its verdicts have known answers, and only the files decide them."""

import json
import pathlib

import numpy as np
import pandas as pd
import pytest
import study_world
from parsed_page import Page

from ethnicmer_jax.analysis import metrics
from ethnicmer_jax.base import predictions
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.report.study import page

HOSTILE = "<script>alert(1)</script>"


def small(*parts: str) -> pd.DataFrame:
    """The rows of one draw of some contrasts."""
    rows = study_world.table({}, draws=1)
    return rows[rows.run.str.partition(".")[0].isin(parts)].reset_index(drop=True)


def conclusion(index: pathlib.Path) -> str:
    text = index.read_text()
    return text[text.index('<h2 id="conclusion-title"') : text.index("</section>")]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A study with everything that there can be, of which the first subject is hostile."""
    rows = study_world.table(study_world.EVERYWHERE, names=(HOSTILE,), labels_help=0.25)
    where = study_world.write(tmp_path_factory.mktemp("study"), rows)
    study_world.write_action_units(where / "action_units.csv", more_often=4)
    pd.DataFrame(
        {"series": ["balanced"] * 2, "effect": [0.0, 0.5], "rejections": [10, 170]}
        | {"databases": [200, 200]}
    ).to_csv(where / "calibration.csv", index=False)
    baseline = {"balanced_accuracy": 0.912, "low": 0.86, "high": 0.95, "n_subjects": 53}
    (where / "database_baseline.json").write_text(json.dumps(baseline))
    return where


@pytest.fixture(scope="module")
def index(directory):
    return page.write(directory)


@pytest.fixture(scope="module")
def parsed(index):
    return Page(index.read_text())


def test_a_real_advantage_survives_every_control(index):
    said = conclusion(index)
    assert "There is a difference that survives the controls" in said
    assert "“within databases”, “placebo groups”" in said
    assert "the own-group advantage in UF1 is +." in said
    verdicts = pd.read_csv(index.parent / "tables" / "controls.csv")
    main = verdicts[verdicts.quantity.str.startswith("own-group")]
    assert list(main.control) == [
        "within databases",
        "placebo groups",
        "labels with errors",
        "Indian and Others counted as Asian",
    ]
    assert set(main.verdict) == {"survived"}


def test_every_part_is_there(index, parsed):
    text = "".join(parsed.text)
    for words in (
        "balanced accuracy of 91.2% [86.0%, 95.0%] (53 subjects",
        "The reference's own comparison",
        "What was matched",
        "5.0% [2.7%, 9.0%]",
        "embed: annotated minus shuffled",
        "Equalised odds, largest of all classes",
        "subjects permuted within database",
    ):
        assert words in text, words
    figures = {path.stem for path in (index.parent / "figures").glob("*.svg")}
    assert figures == {
        *("advantage_forest", "arms_forest", "matrix", "differences_forest", "controls_forest"),
        "databases_forest",
        *("placebo_advantage", "placebo_arms", "au_prevalence", "au_difference", "calibration"),
        *("au_pairs_prevalence", "au_pairs"),
    }


def test_every_figure_and_table_has_its_files(index, parsed):
    for folder, suffixes, tag in (
        ("figures", ("png", "svg"), "img"),
        ("tables", ("csv", "tex"), "table"),
    ):
        for suffix in suffixes:
            found = list((index.parent / folder).glob(f"*.{suffix}"))
            assert len(found) == len(parsed.all(tag))
            assert all(path.stat().st_size > 20 for path in found)


def test_a_hostile_subject_is_shown_nowhere_as_markup(index, parsed):
    assert parsed.all("script") == []
    for path in index.parent.rglob("*"):
        if path.suffix in (".html", ".svg"):
            assert "<script" not in path.read_text().lower(), path


def test_hostile_databases_and_groups_are_escaped(tmp_path):
    rows = small("ethnicity", "within_first")
    rows["database"] = rows["database"].replace("first", HOSTILE)
    rows["run"] = rows["run"].str.replace("within_first", f"within_{HOSTILE}", regex=False)
    index = page.write(study_world.write(tmp_path, rows))
    assert f"within {HOSTILE}" in "".join(Page(index.read_text()).text)
    for path in index.parent.rglob("*"):
        if path.suffix in (".html", ".svg"):
            assert "<script" not in path.read_text().lower(), path
    latex = (index.parent / "tables" / "advantages.tex").read_text()
    assert r"\textless{}script\textgreater{}" in latex


@pytest.mark.slow
def test_the_same_files_give_the_same_bytes(directory, index):
    before = index.read_bytes()
    assert page.write(directory).read_bytes() == before


def test_editing_a_prediction_changes_the_numbers(tmp_path):
    rows = small("ethnicity", "within_first")
    where = study_world.write(tmp_path, rows)
    before = pd.read_csv(page.write(where).parent / "tables" / "advantages.csv")
    wrong = rows.index[
        (rows.run == "ethnicity.mono_asian-draw0-seed0") & (rows.emotion == "surprise")
    ]
    rows.loc[wrong, ["p_negative", "p_positive", "p_surprise"]] = [0.6, 0.2, 0.2]
    study_world.write(tmp_path, rows)
    after = pd.read_csv(page.write(where).parent / "tables" / "advantages.csv")
    assert after.estimate[0] < before.estimate[0]
    pd.testing.assert_frame_equal(after[1:], before[1:])


def test_lost_rows_are_an_error_that_names_the_run(tmp_path):
    rows = small("ethnicity")
    where = study_world.write(tmp_path, rows)
    counted = metrics.compute(predictions.Predictions.from_table(rows))
    (where / "metrics.json").write_text(json.dumps(counted))
    study_world.write(where, rows.drop(rows.index[5]))
    with pytest.raises(UserError, match=r"of run ethnicity\.mono_asian-draw0-seed0, but"):
        page.write(where)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("calibration.csv", "series,effect\na,0\n", "no column databases, rejections"),
        ("matching.csv", "", "is not a table"),
        ("database_baseline.json", '{"low": 1}', "must hold balanced_accuracy"),
        ("config.json", "{}", "names no protocol.grouping"),
        ("config.json", '{"protocol": {"grouping": "custom", "grouping_custom": '
         '"x=Asian;y=White"}}', "the arms are asian and non_asian, but the grouping"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named(tmp_path, name, content, message):
    where = study_world.write(tmp_path, small("ethnicity"))
    (where / name).write_text(content)
    with pytest.raises(UserError, match=message):
        page.write(where)


def test_runs_of_another_job_are_no_study(tmp_path):
    where = study_world.write(tmp_path, small("pooled"))
    with pytest.raises(UserError, match="no run of the contrast 'ethnicity'"):
        page.write(where)


def test_a_study_of_arms_alone_is_reported_with_what_it_has(tmp_path):
    rows = small("ethnicity")
    arms = rows.run.str.match(r"ethnicity\.(mono|stereo-)")
    where = study_world.write(tmp_path, rows[arms])
    (where / "matching.csv").unlink()
    index = page.write(where)
    text = index.read_text()
    assert "No control was run." in text
    assert "own-group advantage in UF1 is" not in text
    assert not (index.parent / "figures" / "matrix.svg").exists()
    said = conclusion(index)
    assert "mono Asian minus mono Non-Asian" in said


def test_the_report_agrees_with_scikit_learn_and_counts_every_run(directory, index):
    from sklearn.metrics import f1_score

    rows = pd.read_csv(directory / "predictions.csv", dtype={"subject": str})
    rows = rows[rows.run.str.match(r"ethnicity\.mono_asian-|pooled")].copy()
    p = rows[["p_negative", "p_positive", "p_surprise"]]
    rows["answer"] = p.idxmax(axis=1).str.removeprefix("p_")
    of_run = {run: f1_score(part.emotion, part.answer, average="macro")
              for run, part in rows.groupby("run")}  # fmt: skip
    table = pd.read_csv(index.parent / "tables" / "runs.csv").set_index("run")
    assert table.uf1[list(of_run)].to_dict() == pytest.approx(of_run)
    mono = [run for run in of_run if run.startswith("ethnicity.mono_asian-")]
    cells = pd.read_csv(index.parent / "tables" / "cells.csv").set_index(["part", "cell"])
    found = cells.loc[("ethnicity", "mono_asian")]
    assert found.estimate == pytest.approx(np.mean([of_run[run] for run in mono]))
    assert found.n_runs == len(mono)
