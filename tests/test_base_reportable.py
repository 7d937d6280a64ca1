"""Whatever shows a number of a job that peeked carries the mark, and nothing is taken from it."""

import json
import shutil
import warnings

import ml_collections
import pytest
import worlds

import ethnicmer_jax as em
from configs import calibrate, common
from ethnicmer_jax import inference, jobs
from ethnicmer_jax.base import reportable, sums
from ethnicmer_jax.base.reportable import COLUMN, MARK
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.explain import request as explain_request
from ethnicmer_jax.jobs import check, comparison, ensemble
from ethnicmer_jax.jobs.calibration import runner as calibration
from ethnicmer_jax.jobs.sweep import grid, result_files, selection
from ethnicmer_jax.jobs.sweep import runner as sweeps
from ethnicmer_jax.training import saved_network

PEEK = {"protocol__peek": "best_test_epoch"}
WITHOUT_NUMBERS = {"config.json", "sweep.json", "wall.json", "scalars.jsonl", "references.bib",
                   "provenance.json", ".sums"}  # fmt: skip
"""Settings, times, curves of training clips, and what others have written."""


def config_for(folder, **overrides):
    return worlds.config(
        data__source="manifest",
        data__raw=str(folder / "manifest.csv"),
        data__data_dir=str(folder / "data"),
        engine__devices=1,
        **overrides,
    )


@pytest.fixture(scope="module", autouse=True)
def _drawn(real_pdf):
    """The mark is in every PDF."""
    with real_pdf():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A manifest with its database; a job that peeked, `peeked`, and the same without, `honest`."""
    folder = tmp_path_factory.mktemp("reportable")
    worlds.write_manifest(folder)
    jobs.run(config_for(folder, **PEEK), folder / "peeked")
    jobs.run(config_for(folder), folder / "honest")
    return folder


@pytest.fixture(scope="module")
def sweep(folder):
    """A sweep of both, whose points are copies of the jobs."""
    config = config_for(folder)
    peeks = ({}, {"protocol.peek": "best_test_epoch"})
    with config.unlocked():
        config.sweep = ml_collections.ConfigDict({"points": peeks}, convert_dict=False)
    points = grid.points(config)
    result_files.describe(folder / "sweep", "habit", points)
    for point, job in zip(points, ("honest", "peeked"), strict=True):
        shutil.copytree(folder / job, result_files.work_directory(folder / "sweep", point.name))
    sweeps.summarise(folder / "sweep")
    return folder / "sweep"


def outputs(directory):
    """Every file that numbers of test clips could be in."""
    skipped = ("tensorboard", "points", "folds.npz")
    return [
        path
        for path in sorted(directory.rglob("*"))
        if path.is_file()
        and path.name not in WITHOUT_NUMBERS
        and not any(part in skipped for part in path.relative_to(directory).parts)
    ]


def marked(path):
    content = path.read_bytes()
    return MARK.encode() in content or COLUMN.encode() in content


def test_every_file_of_a_job_that_peeked_carries_the_mark(folder):
    found = outputs(folder / "peeked")
    kinds = {path.suffix for path in found}
    assert kinds == {".csv", ".json", ".md", ".tex", ".html", ".svg", ".png", ".pdf", ".txt"}
    assert [str(path) for path in found if not marked(path)] == []
    assert not any(marked(path) for path in outputs(folder / "honest"))


def test_every_row_says_it_where_tables_are_for_programs(folder):
    for path in outputs(folder / "peeked"):
        if path.suffix == ".csv":
            header, *rows = path.read_text().splitlines()
            assert COLUMN in header
            assert all(reportable.REASON in row for row in rows), path
    assert json.loads((folder / "peeked" / "metrics.json").read_text())[COLUMN]


def test_the_page_opens_with_it(folder):
    page = (folder / "peeked" / "report" / "index.html").read_text()
    assert f"<title>{MARK}: " in page
    assert page.index('class="banner"') < page.index("<h1>")
    assert "nothing in training looks at test clips" not in page
    assert "test clips chose the network" in page


def test_the_terminal_says_it_in_every_line_with_a_score(folder, capsys):
    capsys.readouterr()
    jobs.run(config_for(folder, **PEEK), folder / "peeked", "report")
    printed = capsys.readouterr().out.splitlines()
    scores = [line for line in printed if "UF1 ." in line]
    assert scores
    assert all(MARK in line for line in scores)
    # What the habit is worth is said here, and opens the page's conclusion.
    (worth,) = [
        line for line in printed if line.startswith("Choosing epochs on test clips turns UF1")
    ]
    page = (folder / "peeked" / "report" / "index.html").read_text()
    assert page.index(worth.split(";")[0]) < page.index("majority-class baseline")
    assert "<th" in page
    assert ">Worth<" in page


def test_a_sweep_marks_the_points_that_peeked_and_no_other(sweep, capsys):
    assert all(marked(path) for path in outputs(sweep))
    rows = (sweep / "summary.md").read_text().splitlines()
    assert all(MARK in row for row in rows if row.startswith("| peek"))
    assert not any(MARK in row for row in rows if row.startswith("| base"))
    assert f"<title>{MARK}: " in (sweep / "summary.html").read_text()
    sweeps.summarise(sweep)
    printed = " ".join(capsys.readouterr().out.split())
    assert "(NOT" in printed
    # The best point is never one that peeked.
    assert "The highest UF1 is" in (sweep / "summary.md").read_text()
    best = next(row for row in rows if "The highest UF1" in row)
    assert "of base." in best


def test_a_comparison_carries_it_on_the_side_that_peeked(folder, tmp_path, capsys):
    sides = [folder / "honest", folder / "peeked"]
    found, _ = comparison.write(sides, tmp_path / "compared")
    assert found.names == ("honest", f"peeked ({MARK})")
    assert found.notes[0].startswith(MARK)
    assert [str(path) for path in outputs(tmp_path / "compared") if not marked(path)] == []
    # predictions.csv carries it wherever it is copied to.
    shutil.copy(folder / "peeked" / "predictions.csv", tmp_path / "moved.csv")
    found, _ = comparison.compare([folder / "honest", tmp_path / "moved.csv"])
    assert MARK in found.names[1]


def test_python_warns(folder):
    result = em.Result(folder / "peeked")
    for read in (
        lambda: result.metrics,
        lambda: result.predictions,
        lambda: em.predictions(folder / "peeked"),
        lambda: em.compare(folder / "honest", folder / "peeked"),
    ):
        with pytest.warns(em.NotReportableWarning, match=MARK):
            read()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        em.predictions(folder / "honest")


@pytest.mark.parametrize(
    "use",
    [
        inference.open,
        em.load,
        saved_network.find,
        saved_network.final,
        explain_request.trained_in,
        lambda where: ensemble.write([where], where.parent / "mean"),
        lambda where: jobs.resume(where, "evaluate"),
    ],
    ids=["predict", "load", "init.path", "export", "explain", "ensemble", "evaluate"],
)
def test_nothing_is_taken_from_it(folder, use):
    where = folder / "peeked"
    with pytest.raises(UserError, match=f"{MARK.lower()}.*protocol.peek=none"):
        use(str(where) if use is saved_network.find else where)


def test_nothing_is_selected_among_points_that_peeked(sweep):
    with pytest.raises(UserError, match=MARK.lower()):
        selection.write(sweep, sweep / "selected")


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("protocol.name", "study", "a study draws conclusions"),
        ("protocol.name", "nested", "no test clips that could choose"),
        ("protocol.name", "all", "no test clips that could choose"),
        ("classifier", "logistic", "is no network whose epochs"),
        ("classifier", "network+logistic", "is no network whose epochs"),
        ("protocol.average_seeds", True, "no such scores are averaged"),
        ("protocol.final", True, "set protocol.final to False"),
        ("checkpoint.keep", "final", "set checkpoint.keep to none"),
        ("checkpoint.keep", "every", "set checkpoint.keep to none"),
    ],
)
def test_what_it_does_not_go_with_is_refused_beforehand(setting, value, said):
    config = worlds.config(**PEEK)
    config.update_from_flattened_dict({setting: value})
    with pytest.raises(UserError, match=said):
        check.settings(config)


def test_a_calibration_refuses_it_before_any_work(tmp_path):
    config = calibrate.get_config("smoke")
    config.protocol.peek = "best_test_epoch"
    with pytest.raises(UserError, match="a calibration draws conclusions"):
        calibration.run(config, tmp_path / "calibration")
    assert not (tmp_path / "calibration").exists()


def test_the_estimator_has_no_test_clips_to_look_at():
    estimator = em.MicroExpressionClassifier(overrides={"protocol.peek": "best_test_epoch"})
    with pytest.raises(ValueError, match="sees no test clips"):
        estimator.fit([[0.0] * 12] * 4, [0, 1, 0, 1])


def test_an_old_config_knows_nothing_of_it():
    assert reportable.fault({}) == ""
    assert reportable.fault({"protocol": {"name": "loso"}}) == ""
    assert reportable.fault(common.get_config().to_dict()) == ""


def test_predictions_that_were_carried_elsewhere_keep_it(folder, tmp_path):
    """Their column says it where the config of the new place knows nothing."""
    shutil.copytree(folder / "honest", tmp_path / "elsewhere")
    shutil.copy(folder / "peeked" / "predictions.csv", tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / sums.FILE_NAME).unlink()
    with pytest.raises(UserError, match="cannot be averaged"):
        ensemble.write([tmp_path / "elsewhere"], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_scores_in_python_carry_it_in_every_row(folder):
    with pytest.warns(em.NotReportableWarning):
        assert (em.Result(folder / "peeked").scores[COLUMN] != "").all()
    assert COLUMN not in em.Result(folder / "honest").scores
