"""Work directories compared: what is read, refused and written."""

import json

import pandas as pd
import pytest
import report_workdir

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import comparison


def workdir(directory, hit_rate=0.7, runs=("loso-seed0", "loso-seed1"), **settings):
    """A finished job; `settings` are dotted, with two underscores for a dot."""
    report_workdir.write(directory, report_workdir.table(runs, hit_rate))
    path = directory / "config.json"
    config = json.loads(path.read_text())
    for name, value in settings.items():
        *parents, key = name.split("__")
        part = config
        for parent in parents:
            part = part.setdefault(parent, {})
        part[key] = value
    path.write_text(json.dumps(config))
    return directory


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    top = tmp_path_factory.mktemp("pair")
    return [
        workdir(top / "baseline"),
        workdir(top / "better", 0.95, ("loso-seed0",), model__fusion="embed"),
    ]


def refused(places, **how):
    with pytest.raises(UserError) as error:
        comparison.compare(places, **how)
    return str(error.value)


def test_everything_is_written_and_says_the_same(pair, tmp_path):
    found, page = comparison.write(pair, tmp_path / "out")
    assert page == tmp_path / "out" / "index.html"
    content = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert content["baseline"] == "baseline"
    assert content["names"] == ["baseline", "better"]
    uf1 = content["differences"][0]
    assert uf1["estimate"] == found.differences.estimate[0] > 0
    table = pd.read_csv(tmp_path / "out" / "tables" / "differences.csv")
    assert table.estimate[0] == pytest.approx(uf1["estimate"], abs=1e-15)
    text = page.read_text()
    assert "Asian: UF1" in text
    assert text.count("<img") == 3
    names = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert {f"differences_forest.{suffix}" for suffix in ("pdf", "png", "svg")} <= names
    # A comparison is replaced by another where that was asked for, nothing else is.
    with pytest.raises(UserError, match="--overwrite"):
        comparison.write(pair, tmp_path / "out")
    comparison.write(pair, tmp_path / "out", overwrite=True)
    with pytest.raises(UserError, match="something else"):
        comparison.write(pair, pair[0], overwrite=True)
    assert (pair[0] / "predictions.csv").is_file()


def test_settings_that_differ_are_listed(pair):
    _, differing = comparison.compare(pair)
    (row,) = differing.to_dict("records")
    assert row == {"setting": "model.fusion", "baseline": "none", "better": "embed"}


def test_a_file_of_predictions_is_a_result_and_needs_no_config(pair, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "predictions.csv").write_bytes((pair[0] / "predictions.csv").read_bytes())
    found, differing = comparison.compare([pair[0], alone / "predictions.csv"])
    assert found.names == ("baseline", "alone")
    assert (found.differences.estimate == 0).all()
    assert differing.empty


def test_results_of_the_same_name_are_told_apart(tmp_path):
    places = [workdir(tmp_path / side / "job") for side in ("first", "second")]
    found, _ = comparison.compare(places)
    assert found.names == ("first/job", "second/job")


def test_what_cannot_be_read_or_compared_is_refused(pair, tmp_path):
    assert "given twice" in refused([pair[0], pair[0] / "."])
    assert "does not exist" in refused([pair[0], tmp_path / "gone"])
    (tmp_path / "sweep.json").write_text("{}")
    assert "name its points" in refused([pair[0], tmp_path])
    (tmp_path / "empty").mkdir()
    assert "train first" in refused([pair[0], tmp_path / "empty"])


def test_other_simulated_clips_of_the_same_names_are_refused(tmp_path):
    simulated = {"data__source": "simulated", "data__simulated__seed": 0}
    first = workdir(tmp_path / "first", **simulated)
    second = workdir(tmp_path / "second", **{**simulated, "data__simulated__seed": 1})
    message = refused([first, second])
    assert "data.simulated.seed is 0 and 1" in message
    assert "\n" not in message


def test_an_ensemble_beside_its_own_members_is_noted(pair, tmp_path):
    mean = workdir(tmp_path / "mean", averaged=[str(pair[0])])
    found, _ = comparison.compare([pair[0], mean])
    assert any("share models" in note for note in found.notes)
    found, _ = comparison.compare([pair[1], mean])
    assert not any("share models" in note for note in found.notes)


def test_another_grouping_is_noted_and_the_first_counts(pair, tmp_path):
    other = workdir(tmp_path / "other", protocol__grouping="strict")
    found, _ = comparison.compare([pair[0], other])
    assert any("grouping strict" in note for note in found.notes)
    groups = found.differences[found.differences.section == "Groups"]
    assert list(dict.fromkeys(groups.part)) == ["asian", "non_asian"]
