from __future__ import annotations

import io
import re

import fictitious
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_builders.database import check, check_screen
from data_builders.simulation.options import SimulatedOptions, parse_cohorts
from data_builders.sources import registry
from data_builders.sources.base import ClipTask, FlowFile, Listing, Problem
from data_builders.sources.databases import casme2
from data_builders.sources.export import writing
from data_builders.sources.frame_folder import IMAGE_SUFFIXES
from ethnicmer_jax.base.schema import ClipLabels, UserError


def printed(listing: Listing, **options) -> tuple[str, str]:
    """What the check prints, and the one line it fails with ("" where it does not)."""
    out = io.StringIO()
    try:
        check_screen.show({"lab": check.with_unreadable(listing)}, {}, out=out, **options)
    except UserError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def reported(source: str, raw) -> tuple[str, str]:
    """The same of a user's folder."""
    out = io.StringIO()
    try:
        check_screen.report(registry.Request(source, str(raw)), out=out)
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
    assert "8 clips of 5 subjects" in text


def test_what_is_missing_is_listed_by_subject_and_fails(tmp_path):
    raw = fictitious.write_casme2(tmp_path)
    (raw / "Cropped/sub01/EP19_05f/reg_img5.jpg").unlink()
    listing = casme2.DATABASE.list_clips(raw)
    assert check.summarise(listing).loc["casme2/sub01", ["usable", "unusable"]].tolist() == [1, 1]
    text, failure = printed(listing)
    assert "unusable 1: casme2/sub01/EP19_05f: onset: no frame 5 in" in " ".join(text.split())
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
    assert "sheet.xlsx row 3: Filename '[red]x' is not a clip's code" in " ".join(text.split())
    assert check.summarise(listing).index.tolist() == [check.ELSEWHERE]
    assert failure


def test_problems_of_one_kind_are_told_once_and_the_csv_has_all(tmp_path):
    problems = tuple(Problem(f"samm/006/006_1_{i}", f"no frame {i}") for i in range(9))
    path = tmp_path / "new" / "problems.csv"
    text, _ = printed(Listing((), problems))
    assert text.count("no frame") == 1
    assert "unusable 9: samm/006/006_1_0: no frame 0; the others alike, of 006" in text
    check.write_csv(Listing((), problems), path)
    table = pd.read_csv(path)
    assert table["where"].tolist() == [problem.where for problem in problems]
    assert table["subject"].unique().tolist() == ["samm/006"]
    assert table["fatal"].all()
    assert [file.name for file in path.parent.iterdir()] == ["problems.csv"]


LONGEST = 24
"""Lines of a screen."""


def folder(kind: str, name: str, tmp_path):
    """An empty folder, one with half of the clips, or that of something else."""
    if kind == "half":
        whole = tmp_path / ("a_rather_long_name_of_a_folder" * 3)
        options = SimulatedOptions(
            cohorts=parse_cohorts(f"sim{name}:Asian:2,sim{name}:White:1"), clips_per_subject=1
        )
        writing.write(options, whole, name, every=100)
        images = sorted(path for path in whole.rglob("*") if path.suffix in IMAGE_SUFFIXES)
        for path in images[: len(images) // 2]:
            path.unlink()
        return whole
    (tmp_path / kind).mkdir()
    if kind == "wrong":
        (tmp_path / "wrong/holiday").mkdir()
        Image.new("RGB", (20, 20)).save(tmp_path / "wrong/holiday/img1.jpg")
        fictitious.write_sheet(tmp_path / "wrong/accounts.xlsx", ("year", "income"), [(1, 2)])
    return tmp_path / kind


QUICK = ("casme2", "casme_squared", "smic_vis")
"""A usual layout, a sheet without a header and a database without a sheet."""

FOLDERS = [
    *((name, kind) for name in registry.DATABASES for kind in ("empty", "wrong")),
    *((name, "half") for name in QUICK),
    *(
        pytest.param(name, "half", marks=pytest.mark.slow)
        for name in registry.DATABASES
        if name not in QUICK
    ),
]


@pytest.mark.parametrize(("name", "kind"), FOLDERS)
def test_what_is_missing_fits_on_a_screen_and_says_where_to_ask(tmp_path, name, kind):
    raw = folder(kind, name, tmp_path)
    text, failure = reported(name, raw)
    lines = text.splitlines()
    assert failure
    assert len(lines) + 1 <= LONGEST
    assert all(len(line) <= 80 for line in lines if " " in line.strip())
    assert registry.DATABASES[name].licence in text
    if kind == "half":
        assert "unusable" in text
        assert all(code in text.split() for code in re.findall(rf"{name}/\S+:", text))
    else:
        assert all(line in text for line in registry.DATABASES[name].layout)
        assert f"--export={name}" in text


def test_however_much_is_wrong_it_fits_on_a_screen_and_the_licence_is_not_cut_off():
    what = ("no frame {}", "its folder {} is missing", "apex {} is no frame", "emotion {} unknown")
    problems = tuple(
        Problem(f"samm/{number:03d}/{number:03d}_1_1", f"{text.format(number)} {kind} " * 5, fatal)
        for number in range(40)
        for text in what
        for kind in ("one", "two", "three")
        for fatal in (True, False)
    )
    out = io.StringIO()
    with pytest.raises(UserError):
        check_screen.show({"samm": Listing((), problems)}, {}, out=out)
    lines = out.getvalue().splitlines()
    assert len(lines) + 1 <= LONGEST
    assert max(map(len, lines)) <= 80
    assert registry.DATABASES["samm"].licence in out.getvalue()
    assert "--problems_csv" in lines[-1]


def test_two_codes_of_one_person_are_told_where_there_is_one_source(tmp_path):
    np.save(tmp_path / "flow.npy", np.ones((8, 8, 2), np.float32))
    (tmp_path / "manifest.csv").write_text(
        "database,subject,clip,emotion,flow\nlab,001,a,anger,flow.npy\nlab,1,b,anger,flow.npy\n"
    )
    text, failure = reported("manifest", tmp_path / "manifest.csv")
    assert "reported 1: lab/001: may be the same person as lab/1" in " ".join(text.split())
    assert "together" not in text
    assert not failure


def test_a_clip_of_two_sources_is_told_of_both_together(tmp_path):
    fictitious.write_samm(tmp_path)
    (tmp_path / "manifest.csv").write_text(
        "database,subject,clip,emotion,onset_path,apex_path\nsamm,006,006_1_2,anger,"
        "SAMM_CROP/006/006_1_2/006_05562.jpg,SAMM_CROP/006/006_1_2/006_05566.jpg\n"
    )
    text, failure = reported("samm+manifest", tmp_path)
    assert "all sources together" in text
    assert "samm/006/006_1_2: is in two of the sources" in text
    assert failure
