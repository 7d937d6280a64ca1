"""Every database: what is drawn in its layout is read and built as the simulation knows it."""

from __future__ import annotations

import dataclasses
import itertools
import math
import shutil

import numpy as np
import openpyxl
import pandas as pd
import pytest

from data_builders.database.ensure import ensure
from data_builders.database.pipeline import BuildOptions
from data_builders.simulation.options import SimulatedOptions, parse_cohorts
from data_builders.sources import codes, registry
from data_builders.sources.base import Film
from data_builders.sources.export import writing
from ethnicmer_jax.base.schema import ETHNICITIES, UserError
from ethnicmer_jax.data import dataset

OPTIONS = BuildOptions(flow_method="dis", detector="none", workers=1)
NAMES = [
    # The parts of SMIC differ in a folder's name and a rate.
    pytest.param(name, marks=[pytest.mark.slow] if name in ("smic", "smic_nir") else [])
    for name in writing.LAYOUTS
]


def people(name: str) -> SimulatedOptions:
    """Two groups in one laboratory, a clip each."""
    cohorts = parse_cohorts(f"sim{name}:Asian:1,sim{name}:White:1")
    return SimulatedOptions(cohorts=cohorts, clips_per_subject=1, clips_spread=0)


@pytest.fixture(scope="module", params=NAMES)
def exported(request, tmp_path_factory):
    """A database's name, a folder in its layout, and the truth of its clips by key."""
    root = tmp_path_factory.mktemp(request.param) / "raw"
    writing.write(people(request.param), root, request.param, every=100)
    truth = pd.read_csv(root / "truth.csv", dtype=str, keep_default_na=False)
    truth.index = truth["database"] + "/" + truth["subject"] + "/" + truth["clip"]
    return request.param, root, truth


def test_labels_frames_and_groups_are_those_of_the_simulation(exported):
    name, root, truth = exported
    listing = registry.list_clips(registry.Request(name, str(root)))
    assert listing.problems == ()
    assert sorted(task.key for task in listing.tasks) == sorted(truth.index)
    plan = {clip.labels.key: clip for clip in writing.plan(people(name), writing.LAYOUTS[name])}
    for task in listing.tasks:
        known, row = plan[task.key].labels, truth.loc[task.key]
        for field in ("emotion", "action_units", "ethnicity", "onset", "apex", "offset"):
            assert getattr(task.labels, field) == getattr(known, field), field
        assert task.labels.raw_emotion.lower() == row["raw_emotion"].lower()
        assert task.labels.fps == known.fps or math.isnan(task.labels.fps)


def test_frames_are_those_that_were_filmed(exported):
    name, root, _ = exported
    layout = writing.LAYOUTS[name]
    plan = {clip.labels.key: clip for clip in writing.plan(people(name), layout)}
    for task in registry.list_clips(registry.Request(name, str(root))).tasks:
        film = plan[task.key].drawn.motion
        if isinstance(task.motion, Film):
            assert task.labels.apex == -1
            onset = next(iter(task.motion.frames()))[1]
            found = [onset]
        else:
            found = task.motion.read()
        for frame, number in zip(found, (film.spec.onset, film.spec.apex), strict=False):
            drawn = film.frame(number)
            step = drawn.shape[0] // frame.shape[0]
            drawn = drawn.reshape(frame.shape[0], step, frame.shape[1], step, 3).mean(axis=(1, 3))
            assert np.abs(frame - drawn).mean() < 3.0


def test_what_is_built_has_the_labels_of_the_simulation(exported, tmp_path):
    name, root, truth = exported
    built = dataset.load(ensure(name, str(root), tmp_path, OPTIONS))
    assert sorted(built.key) == sorted(truth.index)
    for index, key in enumerate(built.key):
        row = truth.loc[key]
        assert ETHNICITIES[built.ethnicity[index]] == row["ethnicity"]
        assert "+".join(map(str, built.action_units[index])) == row["action_units"]
        onset, apex, offset = map(int, built.frames[index])
        assert [str(onset), str(offset)] == [row["onset"], row["offset"]]
        assert onset < apex <= offset if row["apex"] == "-1" else str(apex) == row["apex"]


def test_litter_of_operating_systems_and_of_office_changes_nothing(exported, tmp_path):
    name, root, _ = exported
    raw = tmp_path / "raw"
    shutil.copytree(root, raw)
    whole = registry.list_clips(registry.Request(name, str(raw)))
    for path in [raw, *raw.rglob("*")]:
        if path.is_dir():
            for litter in (".DS_Store", "Thumbs.db", "desktop.ini"):
                (path / litter).touch()
        else:
            path.with_name(f"._{path.name}").write_bytes(b"a resource fork")
            if path.suffix == ".xlsx":
                path.with_name(f"~${path.name}").write_bytes(b"who has it open")
    for folder in ("__MACOSX", ".Trash-1000", "@eaDir", "#recycle", "$RECYCLE.BIN"):
        shutil.copytree(root, raw / folder / "raw")
    assert repr(registry.list_clips(registry.Request(name, str(raw)))) == repr(whole)  # NaN != NaN


def test_a_link_back_to_the_database_adds_nothing(exported, tmp_path):
    name, root, _ = exported
    shutil.copytree(root, tmp_path / "raw")
    whole = registry.list_clips(registry.Request(name, str(tmp_path / "raw")))
    (tmp_path / "raw/latest").symlink_to(tmp_path / "raw")
    assert repr(registry.list_clips(registry.Request(name, str(tmp_path / "raw")))) == repr(whole)


def edited(cell, ends):
    """A cell as another program, or another person, may have saved it."""
    if isinstance(cell, str):
        return f" {getattr(cell, ends)()} "
    return None if cell is None else str(cell)


@pytest.mark.parametrize("ends", ["lower", "upper"])
def test_a_sheet_saved_as_text_in_other_case_below_a_title_says_the_same(exported, tmp_path, ends):
    name, root, _ = exported
    raw = tmp_path / "raw"
    shutil.copytree(root, raw)
    for path in raw.rglob("*.xlsx"):
        book = openpyxl.load_workbook(path)
        for sheet in book.worksheets:
            for cell in itertools.chain.from_iterable(sheet.iter_rows()):
                cell.value = edited(cell.value, ends)
            sheet.insert_rows(1, 2)
            sheet.append([" ", None, " "])
        book.create_sheet("about", 0).append(["About this workbook"])
        book.save(path)
    whole, listing = (
        registry.list_clips(registry.Request(name, str(folder))) for folder in (root, raw)
    )
    assert listing.problems == ()
    assert [said(task.labels) for task in listing.tasks] == [
        said(task.labels) for task in whole.tasks
    ]


def said(labels):
    """A clip's labels without the case of its codes."""
    return repr(dataclasses.astuple(labels)).lower()


@pytest.mark.slow
def test_databases_unpacked_over_one_another_are_told_apart(tmp_path):
    names = [name for name in writing.LAYOUTS if name not in ("smic_vis", "smic_nir")]
    each, together = tmp_path / "each", tmp_path / "together"
    writing.write(people("casme2"), each, "+".join(names), every=100)
    for name in names:
        shutil.copytree(each / name, together, dirs_exist_ok=True)
    shutil.copy(each / "ethnicity.csv", together)
    request = registry.Request("+".join(names), str(together))
    listing = registry.list_clips(request)
    assert listing.problems == ()
    whole = registry.list_clips(dataclasses.replace(request, raw=str(each)))
    assert [task.key for task in listing.tasks] == [task.key for task in whole.tasks]


def test_every_database_is_known_to_tables_of_ethnicities():
    assert {*registry.DATABASES} <= {*codes.DATABASES}


def test_databases_of_the_same_people_are_not_merged():
    with pytest.raises(UserError, match="smic and smic_nir show the same people"):
        registry.names("smic+casme2+smic_nir")
