"""The model card says which models there are, who taught them and what to expect."""

import json

import pytest

from ethnicmer_jax.analysis.job_findings import JobFindings
from ethnicmer_jax.base import files, predictions
from ethnicmer_jax.report import model_card


def card(folder, final=None, **changes):
    read = {
        name: json.loads((folder / f"{name}.json").read_text())
        for name in ("config", "metrics", "final")
    }
    read["config"] |= changes
    found = JobFindings.of(predictions.read(folder / "predictions.csv"), None)
    kept = read["final"] if final is None else final
    return model_card.render(read["config"], read["metrics"], kept, found), read, found


def test_it_holds_the_models_the_people_and_the_scores(trained_workdir):
    text, read, _ = card(trained_workdir)
    assert text.startswith("# Model card: smoke\n")
    assert "| Networks of held-out folds | 4, in 1 run |" in text
    assert "| Final models | 1 (seed 0), as checkpoints |" in text
    people = read["final"]["people"]
    assert sum(row["clips"] for row in people) == read["final"]["clips"]
    for row in people:
        assert f"| {row['ethnicity']} | {row['subjects']} | {row['clips']} | simulated |" in text
    assert "it says nothing about what a person feels" in text
    assert "**Not for** any claim about an individual" in text
    assert "**The clips are simulated**" in text
    assert "| LOSO | 4 |" in text
    assert "\n\n\n" not in text


def test_without_final_models_it_says_what_predicts_instead(trained_workdir):
    text, *_ = card(trained_workdir, final={})
    assert "There is no final model here" in text
    assert "| Final models | none |" in text
    nothing, *_ = card(trained_workdir, final={}, checkpoint={"keep": "none"})
    assert "No model was kept" in nothing
    assert "ethnicmer_jax predict" not in nothing


def test_without_scores_it_says_that_none_is_known(trained_workdir):
    _, read, _ = card(trained_workdir)
    note = "nobody was held out (protocol.name=all), so no score of this recipe is known"
    final = read["final"] | {"expected": {"arms": {}, "note": note}}
    text = model_card.render(read["config"], {}, final, None)
    assert f"N{note[1:]}." in text
    with pytest.raises(ValueError, match="needs final models"):
        model_card.render(read["config"], {}, {}, None)


def test_a_licensed_database_is_named_with_where_its_licence_comes_from(trained_workdir):
    _, read, found = card(trained_workdir)
    people = [{**read["final"]["people"][0], "database": "casme2"}]
    text = model_card.render(read["config"], {}, read["final"] | {"people": people}, found)
    assert "- CASME II: licence from http" in text


def test_the_report_has_the_models_and_links_the_card(trained_workdir, tmp_path):
    import shutil

    from ethnicmer_jax.report import job_page

    copy = tmp_path / "job"
    shutil.copytree(trained_workdir, copy)
    page = job_page.write(copy).read_text()
    assert 'href="../model_card.md"' in page
    assert files.read_json(copy / "final.json")["expected"]["note"] in page
    first = (copy / "model_card.md").read_bytes()
    job_page.write(copy)
    assert (copy / "model_card.md").read_bytes() == first
