import csv
import functools

import command_host
import cv2
import numpy as np
import pytest
from onnx_models import mean_colour_model

from data_builders.ethnicity.annotation import annotate, collect
from data_builders.ethnicity.consolidation import Override, Thresholds
from data_builders.ethnicity.table_annotator import TableAnnotator
from data_builders.simulation.drawing import draw_face
from data_builders.simulation.people import draw_person
from ethnicmer_jax.base.schema import UserError

RAW = """Subject,Filename,Age,Gender,Race
6,a,2,0,0
6,b,2,0,0
7,c,2,1,4
7,d,2,1,0
8,e,Error,Error,Error
"""


_run = functools.partial(command_host.run, "data_builders.annotate")


def _labels(folder):
    with (folder / "ethnicity.csv").open(newline="") as file:
        return {row["subject"]: row["ethnicity"] for row in csv.DictReader(file)}


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "raw.csv"
    path.write_text(RAW)
    return path


@pytest.fixture
def metadata(table, tmp_path):
    return (
        "--annotator=metadata",
        f"--table={table}",
        "--database=samm",
        "--subject_width=3",
        f"--out={tmp_path / 'out'}",
    )


def test_a_table_becomes_labels_votes_and_an_audit_page(metadata, tmp_path):
    done = _run(*metadata)
    assert done.returncode == 0, done.stderr
    assert "1 of 3 subjects have a label, 1 votes failed" in done.stdout
    out = tmp_path / "out"
    assert sorted(file.name for file in out.iterdir()) == [
        "ethnicity.csv",
        "ethnicity.html",
        "ethnicity_votes.csv",
    ]
    assert _labels(out) == {"006": "White", "007": "Unknown", "008": "Unknown"}


def test_votes_can_be_decided_anew_under_other_thresholds_and_overrides(metadata, tmp_path):
    assert _run(*metadata).returncode == 0
    override = tmp_path / "override.csv"
    override.write_text("database,subject,ethnicity\nsamm,8,Indian\nsamm,66,Black\n")
    again = tmp_path / "again"
    done = _run(
        "--annotator=votes",
        f"--votes={tmp_path / 'out' / 'ethnicity_votes.csv'}",
        f"--override={override}",
        "--subject_width=3",
        "--min_clips=3",
        f"--out={again}",
    )
    assert done.returncode == 0, done.stderr
    assert _labels(again) == {
        "006": "Unknown",
        "007": "Unknown",
        "008": "Indian",
        "066": "Black",
    }
    assert "note: samm/066 has an override but no clip" in done.stdout
    assert "samm/008 has an override" not in done.stdout


def test_frames_are_judged_by_an_onnx_model_beside_a_table(tmp_path):
    """Two drawn people of different skin, told apart by their brightness."""
    lines = ["database,subject,clip,emotion,onset_path,apex_path"]
    for subject, ethnicity in (("light", "White"), ("dark", "Black")):
        frame = draw_face(draw_person(np.random.default_rng(4), ethnicity, 1.0))
        cv2.imwrite(str(tmp_path / f"{subject}.png"), frame[..., ::-1])
        lines += [f"db,{subject},{subject}{i},negative,{subject}.png,{subject}.png" for i in "ab"]
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "known.csv").write_text("Subject,Filename,Race\nlight,lighta,0\ndark,darka,0\n")
    # Brightness 0 to 1 of the central face: the logits cross at .45.
    weight = np.full((3, 2), 1.0) * [10.0, -10.0]
    model = mean_colour_model(tmp_path / "model.onnx", weight, np.array([-13.5, 13.5]))
    done = _run(
        "--annotator=onnx",
        "--annotator=metadata",
        f"--table={tmp_path / 'known.csv'}",
        "--database=db",
        "--source=manifest",
        f"--raw={tmp_path / 'manifest.csv'}",
        f"--onnx_model={model}",
        "--onnx_classes=White,Black",
        "--onnx_mean=0,0,0",
        "--onnx_std=1,1,1",
        "--onnx_margin=0",
        "--min_agreement=0.6",
        f"--out={tmp_path}",
    )
    assert done.returncode == 0, done.stderr
    assert _labels(tmp_path) == {"light": "White", "dark": "Black"}
    page = (tmp_path / "ethnicity.html").read_text()
    # Of the two clips that both judge, they agree on one: chance does as well.
    assert "metadata" in page
    assert ".500" in page
    assert "No clip in common" not in page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--annotator=metadata"], "--annotator=metadata needs --table"),
        (["--annotator=metadata", "--table=none.csv"], "there is no table none.csv"),
        (["--annotator=votes", "surplus"], "what is 'surplus'? Options begin with --"),
    ],
)
def test_user_errors_are_one_line_and_exit_code_2(tmp_path, options, message):
    done = _run(*options, f"--out={tmp_path / 'out'}")
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_an_annotator_that_votes_twice_on_a_clip_is_a_user_error(table):
    twice = [TableAnnotator(table, "samm")] * 2
    with pytest.raises(UserError, match="metadata votes twice on samm/6/a"):
        collect(twice)


def test_an_empty_table_is_a_user_error(metadata, table):
    table.write_text(RAW.splitlines()[0] + "\n")
    done = _run(*metadata)
    assert done.returncode == 2
    assert "nothing to annotate" in done.stderr


def test_help_lists_the_flags():
    done = _run("--help")
    assert "--annotator" in done.stdout
    assert "ethnicity.csv" in done.stdout


def test_a_subject_of_one_clip_keeps_the_label_that_a_table_states(metadata, table, tmp_path):
    table.write_text("Subject,Filename,Race\n6,a,Asian\n7,b,0\n8,c,\n")
    done = _run(*metadata)
    assert done.returncode == 0, done.stderr
    assert _labels(tmp_path / "out") == {"006": "Asian", "007": "White", "008": "Unknown"}


def test_a_subject_has_one_code_though_tables_write_two(tmp_path):
    for name, subject in (("first", "006"), ("second", "6")):
        rows = [f"{subject},{clip},0" for clip in "ab"]
        (tmp_path / f"{name}.csv").write_text("\n".join(["Subject,Filename,Race", *rows]))
    annotators = [
        TableAnnotator(tmp_path / f"{name}.csv", "samm", name=name) for name in ("second", "first")
    ]
    lines = annotate(annotators, Thresholds(), {}, tmp_path / "out")
    assert "note: 1 subjects are also written otherwise: samm/006 (6)" in lines
    assert not any("in common" in line for line in lines)
    assert _labels(tmp_path / "out") == {"006": "White"}
    rows = ["Subject,Filename,Race", "6,a,0", "006,b,2"]
    (tmp_path / "second.csv").write_text("\n".join(rows))
    lines = annotate(annotators, Thresholds(), {}, tmp_path / "two")
    assert "note: samm/006 and 6 may be one person" in lines
    assert set(_labels(tmp_path / "two")) == {"6", "006"}


def test_tables_without_a_clip_in_common_are_said_to_be_so(tmp_path):
    for name, clips in (("first", "ab"), ("second", "cd")):
        rows = [f"006,{clip},0" for clip in clips]
        (tmp_path / f"{name}.csv").write_text("\n".join(["Subject,Filename,Race", *rows]))
    thresholds = Thresholds()
    names = ("first", "second")
    annotators = [TableAnnotator(tmp_path / f"{n}.csv", "samm", name=n) for n in names]
    lines = annotate(annotators, thresholds, {}, tmp_path / "out")
    assert any("first and second judge no clip in common" in line for line in lines)
    page = (tmp_path / "out" / "ethnicity.html").read_text()
    assert "No clip in common" in page
    same = [TableAnnotator(tmp_path / "first.csv", "samm", name=n) for n in names]
    lines = annotate(same, thresholds, {}, tmp_path / "same")
    assert not any("in common" in line for line in lines)


def test_overrides_find_subjects_whose_zeros_are_gone(tmp_path, table):
    table.write_text("Subject,Filename,Race\n006,a,0\n006,b,0\n")
    overrides = {("samm", "6"): Override("Indian"), ("samm", "66"): Override("Black")}
    lines = annotate([TableAnnotator(table, "samm")], Thresholds(), overrides, tmp_path / "out")
    assert _labels(tmp_path / "out") == {"006": "Indian", "66": "Black"}
    assert sum("has an override but no clip" in line for line in lines) == 1
