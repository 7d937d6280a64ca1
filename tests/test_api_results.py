import json

import pandas as pd
import pytest

import ethnicmer_jax as em

QUICK = {
    "classifier": "logistic",
    "shallow.features": "grid",
    "protocol.seeds": 2,
    "engine.devices": 1,
}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    return em.run("smoke", folder / "run", {**QUICK, "data.data_dir": folder / "data"})


def test_a_run_gives_its_results(result):
    assert result.report.is_file()
    assert set(result.metrics["runs"]) == {"loso-seed0", "loso-seed1"}
    assert list(result.scores.index) == ["loso-seed0", "loso-seed1"]
    recorded = json.loads((result.workdir / "metrics.json").read_text())
    assert result.scores.loc["loso-seed1", "uf1"] == recorded["runs"]["loso-seed1"]["uf1"]


def test_a_finished_run_is_not_done_again(result):
    before = (result.workdir / "predictions.csv").stat().st_mtime_ns
    again = em.run("smoke", result.workdir, {**QUICK, "data.data_dir": result.workdir / "other"})
    assert again.predictions.equals(result.predictions)
    assert (result.workdir / "predictions.csv").stat().st_mtime_ns == before


def test_another_config_is_refused_in_the_same_directory(result):
    with pytest.raises(em.UserError, match="epochs"):
        em.run("smoke", result.workdir, {**QUICK, "optim.epochs": 3})


def test_predictions_are_the_rows_of_the_file_and_what_follows_from_them(result):
    table = em.predictions(result.workdir)
    raw = pd.read_csv(result.workdir / "predictions.csv", dtype=str)
    for name in ("run", "fold", "database", "subject", "clip", "emotion", "ethnicity"):
        assert table[name].tolist() == raw[name].tolist()
    assert table["seed"].tolist() == [int(run[-1]) for run in raw["run"]]
    assert table["draw"].isna().all()
    assert set(table["cell"]) == {"loso"}
    classes = ["negative", "positive", "surprise"]
    best = table[[f"p_{name}" for name in classes]].to_numpy().argmax(1)
    assert table["predicted"].tolist() == [classes[index] for index in best]
    assert table["correct"].mean() == pytest.approx(
        sum(run["accuracy"] for run in result.metrics["runs"].values()) / 2
    )
    white = table["ethnicity"] == "White"
    assert set(table["group"][white]) == {"non_asian"}
    assert set(table["group"][~white]) == {"asian"}


def test_codes_stay_text(tmp_path):
    rows = ["run,fold,database,subject,clip,emotion,ethnicity,p_negative,p_positive"]
    rows += [
        "ethnicity.stereo-draw3-seed1,samm-006,samm,006,006_01,negative,White,0.75,0.25",
        "pooled.loso,samm-7e1,samm,7e1,007,positive,Unknown,0.5,0.5",
        "inner.samm-006-seed0,fold0,samm,007,007_1,positive,Unknown,0.5,0.5",
    ]
    (tmp_path / "predictions.csv").write_text("\n".join(rows) + "\n")
    table = em.predictions(tmp_path)
    assert table["subject"].tolist() == ["006", "7e1"]
    assert table["clip"].tolist() == ["006_01", "007"]
    assert table["part"].tolist() == ["ethnicity", "pooled"]
    assert table["draw"].tolist() == [3, pd.NA]
    assert table["seed"].tolist() == [1, pd.NA]
    assert table["predicted"].tolist() == ["negative", "negative"]
    assert table["group"].tolist() == ["", ""]


def test_what_is_missing_is_refused(tmp_path):
    with pytest.raises(em.UserError, match=r"predictions\.csv"):
        em.predictions(tmp_path)
    with pytest.raises(em.UserError, match=r"metrics\.json"):
        _ = em.Result(tmp_path).metrics
    with pytest.raises(em.UserError, match="mode"):
        em.run("smoke", tmp_path, mode="both")
    (tmp_path / "file").touch()
    with pytest.raises(em.UserError, match="is a file"):
        em.run("smoke", tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_results_are_compared_by_result_directory_or_file(result, tmp_path):
    raw = pd.read_csv(result.workdir / "predictions.csv", dtype=str)
    swapped = {"p_negative": "p_positive", "p_positive": "p_negative"}
    raw.rename(columns=swapped)[raw.columns].to_csv(tmp_path / "other.csv", index=False)
    found = em.compare(result, tmp_path / "other.csv")
    assert found.names[0] == "run"
    overall = found.scores.query("section == 'All clips' and score == 'uf1'")
    assert overall["estimate"].iloc[0] == pytest.approx(result.scores["uf1"].mean())
    assert found.conclusions
    with pytest.raises(em.UserError):
        em.compare(result.workdir, tmp_path)


def test_an_explanation_of_another_kind_is_refused(result):
    with pytest.raises(em.UserError, match="no option method;"):
        result.explain(method="hirescam")
    with pytest.raises(em.UserError, match="keeps no checkpoints"):
        result.explain(methods=["hirescam"], label_folds=0)


@pytest.mark.slow
def test_explanations_are_a_page_of_the_result(trained_workdir, tmp_path):
    asked = {"methods": ["hirescam"], "label_folds": 0, "max_clips": 4}
    page = em.Result(trained_workdir).explain(output=tmp_path / "page", **asked)
    assert page == tmp_path / "page" / "index.html"
    assert page.is_file()
