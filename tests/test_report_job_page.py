"""The page of a job: complete, self-contained, escaped, deterministic, all or nothing."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pandas as pd
import pytest
import report_workdir
from parsed_page import Page

from ethnicmer_jax.base.run_id import INNER
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.report import console, html_page, job_page

BESIDE = ("figures/", "tables/", "methods.", "references.bib")
"""Where links of a page lead beside places in it."""


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    return report_workdir.write(tmp_path_factory.mktemp("job"))


@pytest.fixture(scope="module")
def index(workdir):
    return job_page.write(workdir)


@pytest.fixture(scope="module")
def parsed(index):
    return Page(index.read_text())


def test_elements_close_and_ids_and_links_meet(parsed, index):
    assert parsed.open == []
    ids = [attrs["id"] for _, attrs in parsed.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    anchors = [a["href"] for a in parsed.all("a")]
    assert anchors
    inside = [href for href in anchors if href.startswith("#")]
    assert all(href.removeprefix("#") in ids for href in inside)
    beside = set(anchors) - set(inside)
    assert all((index.parent / href).is_file() for href in beside)
    assert {href.rpartition(".")[2] for href in beside} == {"bib", "csv", "md", "pdf", "tex"}
    labelled = [a["aria-labelledby"] for _, a in parsed.tags if "aria-labelledby" in a]
    assert set(labelled) <= set(ids)


def test_nothing_is_loaded_from_outside_and_nothing_runs(parsed):
    assert parsed.all("script") == []
    for tag, attrs in parsed.tags:
        assert not any(name.startswith("on") for name in attrs), (tag, attrs)
        for name in ("src", "href", "data", "poster", "srcset"):
            own = ("data:", "#", *(BESIDE if tag == "a" else ()))
            assert attrs.get(name, "#").startswith(own), (tag, attrs)
    style = "".join(parsed.text)
    assert "@import" not in style
    assert "url(" not in style
    policy = [m["content"] for m in parsed.all("meta") if "http-equiv" in m]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_every_figure_is_embedded_described_and_saved_beside_the_page(parsed, index):
    images = parsed.all("img")
    saved = {path.stem for path in (index.parent / "figures").glob("*.png")}
    assert len(images) == len(saved) >= 4
    assert saved == {path.stem for path in (index.parent / "figures").glob("*.svg")}
    for image in images:
        assert image["src"].startswith("data:image/svg+xml;base64,")
        assert len(image["alt"]) > 20
        assert int(image["width"]) > 100
        assert int(image["height"]) > 50


def test_every_table_has_a_caption_and_scoped_headers_and_files(parsed, index):
    tables = parsed.all("table")
    assert len(parsed.all("caption")) == len(tables)
    assert {th["scope"] for th in parsed.all("th")} == {"col", "row"}
    for suffix in ("csv", "tex"):
        assert len(list((index.parent / "tables").glob(f"*.{suffix}"))) == len(tables)


def test_a_hostile_manifest_is_shown_and_never_obeyed(parsed, index):
    assert report_workdir.HOSTILE in "".join(parsed.text)
    for path in index.parent.rglob("*"):
        if path.suffix in (".html", ".svg"):
            assert "<script" not in path.read_text().lower(), path


def test_a_hostile_database_is_escaped_inside_figures(tmp_path):
    rows = report_workdir.table(("loso-seed0",))
    rows["database"] = rows["database"].replace("samm", report_workdir.HOSTILE)
    index = job_page.write(report_workdir.write(tmp_path, rows))
    assert "<script" not in index.read_text().lower()
    forest = (index.parent / "figures" / "uf1_forest.svg").read_text()
    assert "<script" not in forest.lower()
    ElementTree.fromstring(forest)


def test_the_same_files_give_the_same_bytes(workdir, index, real_pdf):
    with real_pdf():
        job_page.write(workdir)
    first = _contents(index.parent)
    # Another process: neither hash seeds nor earlier figures may show.
    code = f"from ethnicmer_jax.report import job_page; job_page.write({str(workdir)!r})"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert _contents(index.parent) == first


def test_report_needs_no_jax(workdir):
    code = (
        "import sys; import ethnicmer_jax.report.job_page, ethnicmer_jax.report.study.page; "
        "sys.exit(any(m in sys.modules for m in ('jax', 'flax', 'tensorflow_datasets', 'torch')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_sections_that_a_reviewer_looks_for(parsed):
    text = " ".join("".join(parsed.text).split())
    for words in (
        "Conclusion",
        "majority-class baseline",
        "custom (Asian: Asian; Non-Asian: White, Black)",
        "LOSO over 14 subjects",
        "0.10.2",
        "what an individual feels",
        "--mode=report",
    ):
        assert words in text, words


def test_editing_a_prediction_changes_the_report(tmp_path, index):
    rows = report_workdir.table()
    probabilities = ["p_negative", "p_positive", "p_surprise"]
    rows.loc[0, probabilities] = (0.0, 0.0, 1.0)
    assert job_page.write(report_workdir.write(tmp_path, rows)).read_text() != index.read_text()


def test_a_removed_row_is_an_error_that_says_where(tmp_path):
    workdir = report_workdir.write(tmp_path)
    path = workdir / "predictions.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3] + lines[4:]))
    with pytest.raises(UserError, match=r"55 clips of run loso-seed0.* counted 56"):
        job_page.write(workdir)
    assert not (workdir / "report").exists()


def test_predictions_alone_suffice(tmp_path):
    workdir = report_workdir.write(tmp_path, report_workdir.table(("loso-seed0",)))
    for name in ("config.json", "metrics.json", "scalars.jsonl"):
        (workdir / name).unlink()
    text = job_page.write(workdir).read_text()
    assert "No training curve was recorded." in text
    assert "each ethnicity label is its own group" in text


def test_a_failing_report_leaves_the_old_one(workdir, index, monkeypatch):
    before = _contents(index.parent)
    monkeypatch.setattr(html_page, "render", _fails)
    with pytest.raises(RuntimeError, match="no page"):
        job_page.write(workdir)
    assert _contents(index.parent) == before
    assert [p.name for p in workdir.iterdir() if p.name.startswith(".")] == []


def test_others_may_read_the_report(index):
    assert index.parent.stat().st_mode & 0o055 == 0o055


def test_arms_are_compared_where_there_are_several(tmp_path):
    runs = [f"{arm}-draw{d}-seed0" for arm in ("mono_asian", "stereo") for d in range(2)]
    rows = report_workdir.table(tuple(runs))
    rows = rows[~(rows.run.str.startswith("mono") & (rows.ethnicity != "Asian"))]
    text = job_page.write(report_workdir.write(tmp_path, rows)).read_text()
    assert "mono Asian minus stereo" in text
    assert "Arm stereo." in text
    assert (tmp_path / "report" / "figures" / "confusion_2.png").exists()


def test_a_single_group_is_said_not_compared(tmp_path):
    rows = report_workdir.table(("loso-seed0",))
    text = job_page.write(
        report_workdir.write(tmp_path, rows[rows.ethnicity == "Asian"])
    ).read_text()
    assert "No arm tested two ethnic groups" in text


def test_simulated_clips_are_said_first(tmp_path):
    workdir = report_workdir.write(tmp_path, report_workdir.table(("loso-seed0",)))
    (workdir / "config.json").write_text('{"data": {"source": "simulated"}}')
    conclusion = job_page.write(workdir).read_text().split('id="conclusion-title"')[1]
    assert conclusion.index("clips are simulated") < conclusion.index("Pooled UF1")


def test_the_job_s_own_command_and_how_to_report_alone(tmp_path):
    workdir = report_workdir.write(tmp_path, report_workdir.table(("loso-seed0",)))
    environment = {
        "command": "python -m x --workdir=W --mode=evaluate",
        "versions": {"jax": "0.11"},
    }
    (workdir / "config.json").write_text(json.dumps({"environment": environment}))
    text = job_page.write(workdir).read_text()
    assert "python -m x --workdir=W\n" in text
    assert "python -m ethnicmer_jax.main --workdir=DIR --mode=report" in text
    assert "<dt>jax</dt><dd>0.11</dd>" in text


def test_no_command_is_made_up_for_a_notebook(tmp_path):
    workdir = report_workdir.write(tmp_path, report_workdir.table(("loso-seed0",)))
    (workdir / "config.json").write_text(json.dumps({"environment": {"command": ""}}))
    text = job_page.write(workdir).read_text()
    assert "# the whole job" not in text
    assert "--mode=report" in text


def test_inner_validation_is_in_no_report(tmp_path):
    inner = report_workdir.table((f"{INNER}.samm-006-seed0",), hit_rate=0.0)
    finished = report_workdir.table(("loso-seed0",))
    plain = job_page.write(report_workdir.write(tmp_path / "w", finished)).read_text()
    workdir = report_workdir.write(tmp_path / "nested" / "w", finished)
    pd.concat([finished, inner]).to_csv(workdir / "predictions.csv", index=False)
    assert job_page.write(workdir).read_text() == plain


def test_a_group_without_a_class_is_flagged(tmp_path):
    rows = report_workdir.table(("loso-seed0",))
    rows = rows[~((rows.ethnicity == "White") & (rows.emotion == "surprise"))]
    text = job_page.write(report_workdir.write(tmp_path, rows)).read_text()
    assert "Non-Asian has no surprise clip" in text
    assert "Asian has no positive clip" not in text


def test_config_that_is_no_json_is_a_user_error(tmp_path):
    workdir = report_workdir.write(tmp_path)
    (workdir / "config.json").write_text(json.dumps([1])[:-1])
    with pytest.raises(UserError, match=r"config\.json is not JSON"):
        job_page.write(workdir)


def _fails(*_, **__):
    raise RuntimeError("no page")


def _contents(directory):
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory): path.read_bytes() for path in files}


def test_intervals_of_few_subjects_are_warned_of_on_page_and_terminal(tmp_path, capsys):
    """Three subjects once had an interval that ended at 1.000 without a word."""
    rows = report_workdir.table()
    where = report_workdir.write(tmp_path, rows[rows.subject.isin(["006", "007", "009"])])
    page = job_page.write(where).read_text()
    assert "Too few subjects to rely on the interval: LOSO (3)" in page
    console.print_metrics(json.loads((where / "metrics.json").read_text()), "job")
    assert "over subjects (3: too few to rely on)" in capsys.readouterr().out
    many = report_workdir.write(tmp_path / "many")
    job_page.write(many)
    console.print_metrics(json.loads((many / "metrics.json").read_text()), "job")
    lines = capsys.readouterr().out.splitlines()
    assert not any("too few" in line for line in lines if line.startswith("LOSO: "))
