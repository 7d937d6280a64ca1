from __future__ import annotations

import io

import fictitious
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from data_builders.database import check
from data_builders.sources import registry
from data_builders.sources.base import ClipTask, FlowFile, Listing, Problem
from data_builders.sources.databases import casme2
from ethnicmer_jax.base.schema import ClipLabels, UserError


def printed(listing: Listing, **options) -> tuple[str, str]:
    """What the check prints, and the one line it fails with ("" where it does not)."""
    out = io.StringIO()
    try:
        check.report(listing, console=Console(file=out, width=120), **options)
    except UserError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def test_a_sound_folder_passes_with_its_counts(tmp_path):
    fictitious.write_casme2(tmp_path)
    fictitious.write_samm(tmp_path)
    listing = registry.list_clips(registry.Request("casme2+samm", str(tmp_path)))
    summary = check.summarise(listing)
    assert summary.index.tolist() == [
        *("casme2/sub01", "casme2/sub02", "casme2/sub26", "samm/006", "samm/037")
    ]
    assert summary.loc["casme2/sub01"].to_dict() == {
        "negative": 1,
        "positive": 1,
        "surprise": 0,
        "no class": 0,
        "usable": 2,
        "unusable": 0,
        "reported": 0,
    }
    text, failure = printed(listing, strict=True)
    assert failure == ""
    assert summary["no class"].tolist() == [0, 0, 1, 0, 1]
    assert "5 with clips" in text


def test_what_is_missing_is_listed_by_subject_and_fails(tmp_path):
    raw = fictitious.write_casme2(tmp_path)
    (raw / "Cropped/sub01/EP19_05f/reg_img5.jpg").unlink()
    listing = casme2.DATABASE.list_clips(raw)
    assert check.summarise(listing).loc["casme2/sub01", ["usable", "unusable"]].tolist() == [1, 1]
    text, failure = printed(listing)
    assert "unusable  casme2/sub01/EP19_05f: onset: no frame 5 in" in text
    assert failure.startswith("1 of 4 clips cannot be used")


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "size", "cmyk"])
def test_pixels_that_cannot_be_used_are_found_before_anything_is_computed(tmp_path, damage):
    path = fictitious.write_casme2(tmp_path) / "Cropped/sub01/EP19_05f/reg_img8.jpg"
    if damage == "size":
        Image.new("RGB", (20, 20)).save(path)
    elif damage == "cmyk":
        Image.new("CMYK", (10, 12)).save(path)
    else:
        whole = path.read_bytes()
        path.write_bytes(
            {"truncated": whole[: len(whole) // 2], "text": b"x", "empty": b""}[damage]
        )
    listing = check.with_unreadable(casme2.DATABASE.list_clips(tmp_path))
    assert [task.labels.clip for task in listing.tasks] == ["EP02_01f", "EP01_11f", "EP18_51"]
    [problem] = listing.problems
    assert problem.where == "casme2/sub01/EP19_05f"
    assert "reg_img8.jpg" in problem.what


def test_flow_files_are_read_too(tmp_path):
    np.save(tmp_path / "good.npy", np.ones((8, 8, 2), np.float32))
    (tmp_path / "bad.npy").write_bytes(b"not an array")
    tasks = [
        ClipTask(
            ClipLabels("mmew", "S1", name, "negative", "fear"), FlowFile(tmp_path / f"{name}.npy")
        )
        for name in ("good", "bad")
    ]
    listing = check.with_unreadable(Listing(tuple(tasks)))
    assert [task.labels.clip for task in listing.tasks] == ["good"]
    assert [problem.where for problem in listing.problems] == ["mmew/S1/bad"]


def test_a_fall_back_fails_only_when_strict(tmp_path):
    raw = fictitious.write_casme2(tmp_path)
    rows = [(1, "EP02_01f", 46, "/", 86, 12, "happiness")]
    fictitious.write_sheet(raw / "CASME2-coding-20190701.xlsx", fictitious.CASME2_COLUMNS, rows)
    listing = casme2.DATABASE.list_clips(raw)
    assert check.summarise(listing).loc["casme2/sub01", ["usable", "reported"]].tolist() == [1, 1]
    assert printed(listing)[1] == ""
    assert printed(listing, strict=True)[1].startswith("1 clips or subjects are reported")


def test_a_clip_with_two_faults_counts_once_and_as_unusable():
    where = "casme2/sub01/EP02_01f"
    listing = Listing((), (Problem(where, "apex", fatal=False), Problem(where, "no frame 46")))
    counts = check.summarise(listing).loc["casme2/sub01"]
    assert (counts["unusable"], counts["reported"]) == (1, 0)


def test_nothing_to_build_is_a_failure():
    text, failure = printed(Listing((), (), ("CASME II: 3 clips coded 'others'",)))
    assert failure.startswith("there is no clip to build")
    assert "3 clips coded" in text


def test_problems_of_no_subject_and_brackets_in_them_are_kept():
    listing = Listing((), (Problem("sheet.xlsx row 3", "Filename '[red]x' is not a clip's code"),))
    text, failure = printed(listing)
    assert "sheet.xlsx row 3: Filename '[red]x' is not a clip's code" in text
    assert check.summarise(listing).index.tolist() == [check.ELSEWHERE]
    assert failure


def test_the_csv_has_every_problem_and_the_screen_says_how_many_more(tmp_path):
    problems = tuple(Problem(f"samm/006/006_1_{i}", "no frame 5, nor 6") for i in range(9))
    path = tmp_path / "new" / "problems.csv"
    text, _ = printed(Listing((), problems), csv_path=path)
    assert text.count("no frame 5") == 5
    assert f"... and 4 more (all in {path})" in text
    table = pd.read_csv(path)
    assert table["where"].tolist() == [problem.where for problem in problems]
    assert table["subject"].unique().tolist() == ["samm/006"]
    assert table["what"].unique().tolist() == ["no frame 5, nor 6"]
    assert table["fatal"].all()
    assert [file.name for file in path.parent.iterdir()] == ["problems.csv"]
