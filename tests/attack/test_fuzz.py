"""Whatever is in a file or an option of a user's: it is read, or refused in words.

A few cases of each kind in the default run, 10,000 in the slow one. A seed gives the same cases
again: FUZZ_SEED, by default 0. What is refused is one line, never another exception.
"""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import zipfile

import cv2
import fictitious
import hypothesis
import numpy as np
import pytest
import ststnet_weights
from damage import TEXTS, damaged, damaged_member
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from data_builders.ethnicity.table_annotator import TableAnnotator
from data_builders.ethnicity.tables import RecordedVotes, read_overrides
from data_builders.pixels import flow_file, frames
from data_builders.simulation import options, own_settings
from data_builders.sources import (
    action_units,
    coding_sheet,
    demographics,
    listing_checks,
    manifest,
    registry,
)
from data_builders.sources.base import ClipTask, FlowFile, Listing
from data_builders.sources.coded_clips import read_coding
from data_builders.sources.databases import casme2, samm
from ethnicmer_jax.analysis import relabellings
from ethnicmer_jax.analysis.action_units import table as action_unit_table
from ethnicmer_jax.api import config as configs
from ethnicmer_jax.base import class_schemes, csv_cells, grouping, predictions
from ethnicmer_jax.base import settings as table
from ethnicmer_jax.base.run_id import RunId
from ethnicmer_jax.base.schema import ClipLabels, UserError
from ethnicmer_jax.jobs.planning import recording
from ethnicmer_jax.models import options as backbone_options
from ethnicmer_jax.models import torch_weights
from ethnicmer_jax.predict.request import Request
from ethnicmer_jax.protocols import arms, splits
from ethnicmer_jax.protocols.network_file import Taught

SEED = int(os.environ.get("FUZZ_SEED", "0"))
CASES = (pytest.param(20, id="fast"), pytest.param(10_000, id="10000", marks=pytest.mark.slow))

MANIFEST = """database,subject,clip,emotion,flow,frames,onset,apex,offset,fps,age_decade,gender
lab,006,a,Disgust,flow.npy,,,,,200,2,male
lab,007,"b, c",happy,,frames,3,6,46,"29,97",NA,0
"SAMM dataset",1.0,d,others,flow.npy,,,,,,,
lab,008,e,fear,,film.avi,0,0.01s,,,,
lab,008,f,fear,,frames,,,46,,,
"""
ETHNICITIES = """database,subject,ethnicity,agreement,source
lab,006,Asian,0.75,fairface
lab,7,White,1,"human, asked"
SAMM dataset,1,Unknown,,
"""
ANNOTATION = "Subject,Filename,Age,Gender,Race\n006,a,2,0,0\n006,b,2,1,4\n7,c,Error,Error,Error\n"
OVERRIDES = "database,subject,ethnicity,reason\nlab,6,Black,self-report\n"
PREDICTIONS = """run,fold,database,subject,clip,emotion,ethnicity,p_negative,p_positive,q_Asian
loso-seed0,lab-006,lab,006,a,negative,Asian,0.75,0.25,1
loso-seed0,lab-006,lab,006,"b, c",positive,Asian,1e-3,0.999,
loso-seed0,lab-007,lab,007,'=d,negative,Unknown,0.5,0.5,1
"""
UNITS_TABLE = """database,subject,clip,emotion,ethnicity,action_units
lab,006,a,negative,Asian,4+L10A
lab,007,b,positive,White,
"""
POOL = """Dataset,Subject,RaceConcised,EstimatedEmotionConcised
CASME2,sub01,Asian,negative
SAMM,006,Non-Asian,positive
"""
RELABELLED = """relabelling,draw,deal,trained,tested,emotion,n_negative,p_negative
0,0,0,asian,asian,negative,3,0.5
1,0,0,asian,non_asian,negative,2,0.25
"""
TAUGHT = '{"persons": ["lab/006"], "clips": {"123": "lab/006/a"}}'
MAPPING = 'table = "m.csv"\n[columns]\nclip = "clip"\n[cells.emotion]\n"x" = "fear"\n'


def fuzz(cases, strategy, read):
    """Reads many cases; anything but success or a `UserError` is a fault."""

    @hypothesis.seed(SEED)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def once(case):
        with contextlib.suppress(UserError):
            read(case)

    once()


@pytest.fixture
def folder(tmp_path):
    """What the rows of MANIFEST name."""
    np.save(tmp_path / "flow.npy", np.zeros((2, 2, 2)))
    (tmp_path / "frames").mkdir()
    for number in (3, 6, 46):
        (tmp_path / "frames" / f"img{number}.jpg").write_bytes(b"")
    film = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 200, (8, 8))
    for value in range(6):
        film.write(np.full((8, 8, 3), 40 * value, np.uint8))
    film.release()
    return tmp_path


def writer(path):
    """A function that writes bytes or text to a path and gives it."""

    def write(case):
        path.write_bytes(case if isinstance(case, bytes) else case.encode("utf-8", "replace"))
        return path

    return write


@pytest.mark.parametrize("cases", CASES)
def test_manifests(cases, folder):
    write = writer(folder / "manifest.csv")
    rows = st.lists(st.lists(TEXTS, max_size=8).map(",".join), max_size=4)
    odd = rows.map(lambda lines: "\n".join([*MANIFEST.splitlines()[:2], *lines]).encode())
    encoded = st.sampled_from([MANIFEST.encode("utf-16"), MANIFEST.encode("utf-8-sig")])

    def read(case):
        listing = listing_checks.checked(manifest.list_clips(write(case)))
        assert all(len(str(problem)) < 1000 for problem in listing.problems)

    fuzz(cases, st.one_of(damaged(MANIFEST.encode()), odd, encoded.flatmap(damaged)), read)


@pytest.mark.parametrize("cases", CASES)
def test_mapping_files(cases, folder):
    (folder / "m.csv").write_text(MANIFEST)
    write = writer(folder / "lab.toml")
    tree = MAPPING.replace('table = "m.csv"', 'tree = "{subject}{clip}"')
    mappings = st.one_of(damaged(MAPPING.encode()), damaged(tree.encode()))
    fuzz(cases, mappings, lambda case: manifest.list_clips(write(case)))


def read_sheet(path, database):
    read_coding(coding_sheet.read_rows(path, database.columns), database)


@pytest.fixture
def workbook(tmp_path):
    """A coding sheet as bytes, its compressed parts stored as they are."""
    path = fictitious.write_casme2(tmp_path) / "CASME2-coding-20190701.xlsx"
    return path.read_bytes()


@pytest.mark.parametrize("cases", CASES)
def test_coding_sheets_whose_zip_is_damaged(cases, workbook, tmp_path):
    write = writer(tmp_path / "sheet.xlsx")
    fuzz(cases, damaged(workbook), lambda case: read_sheet(write(case), casme2.DATABASE))


@pytest.mark.parametrize("cases", CASES)
def test_coding_sheets_whose_xml_is_damaged(cases, workbook, tmp_path):
    write = writer(tmp_path / "sheet.xlsx")
    with zipfile.ZipFile(tmp_path / "CASME2-coding-20190701.xlsx") as opened:
        names = tuple(opened.namelist())
    # Most of the cases damage the cells; the rest whatever else there is.
    sheet = tuple(name for name in names if "sheet1" in name or "sharedStrings" in name)
    case = st.one_of(damaged_member(workbook, sheet), damaged_member(workbook, names))
    fuzz(cases, case, lambda each: read_sheet(write(each), casme2.DATABASE))


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.sampled_from([10**400, -(10**400)]),
    TEXTS,
)


@pytest.mark.parametrize("cases", CASES)
def test_coding_sheets_of_any_cells(cases):
    """Rows as a workbook gives them, of whatever type its cells are."""
    cells = [*coding_sheet.OFFICIAL.required, *coding_sheet.OFFICIAL.optional]
    valid = dict(zip(cells, (1, "EP02_01f", 46, 59, 86, "4+L10", "disgust", 2, 2, 0), strict=True))
    odd = st.dictionaries(st.sampled_from(cells), VALUES, min_size=1, max_size=3)
    rows = odd.map(lambda cells: [coding_sheet.CodedRow("row 2", valid | cells, {})])
    for database in (casme2.DATABASE, samm.DATABASE):
        fuzz(cases, rows, lambda case, of=database: read_coding(case, of))


@pytest.mark.parametrize("cases", CASES)
def test_tables_of_ethnicities(cases, tmp_path):
    flow = FlowFile(pathlib.Path("flow.npy"))
    people = (("lab", "006"), ("lab", "007"), ("samm", "1"))
    tasks = [ClipTask(ClipLabels(*person, "c", "fear", "fear"), flow) for person in people]
    write = writer(tmp_path / "ethnicity.csv")

    def read(case):
        demographics.foreign_rows(demographics.labelled(Listing(tuple(tasks)), write(case)))

    fuzz(cases, damaged(ETHNICITIES.encode()), read)


@pytest.mark.parametrize("cases", CASES)
@pytest.mark.parametrize(
    ("text", "read"),
    [
        (ANNOTATION, lambda path: list(TableAnnotator(path, "samm", 3).votes())),
        (OVERRIDES, lambda path: read_overrides(path, 3)),
        (OVERRIDES, lambda path: list(RecordedVotes(path).votes())),
    ],
)
def test_tables_of_annotators(cases, text, read, tmp_path):
    write = writer(tmp_path / "table.csv")
    fuzz(cases, damaged(text.encode()), lambda case: read(write(case)))


UNITS = st.lists(
    st.sampled_from(("4", "L10", "R14A", "or", "+", " ", "(", ")", "ref(", "A/B", "/", "?", "12.0"))
).map("".join)


@pytest.mark.parametrize("cases", CASES)
def test_action_unit_cells(cases):
    def read(cell):
        try:
            units = action_units.parse(cell)
        except ValueError as error:
            raise UserError(str(error)) from error
        assert all(1 <= unit.number <= 99 for unit in units)

    fuzz(cases, st.one_of(UNITS, TEXTS, VALUES), read)


NUMBERS = st.one_of(st.integers(), st.floats(), st.booleans(), st.none())
CLASSES = st.lists(
    st.sampled_from(("happiness", "=", "positive", ";", "3", "5", "raw", "others", "4dme", " "))
).map("".join)
GROUPS = st.lists(
    st.sampled_from(("asian", "=", "Asian", "+", ";", "White", "non_asian", "Unknown", " "))
).map("".join)
OPTIONS = st.lists(
    st.sampled_from(("padding", "=", "2", ",", "true", "0.5", "+", "1e999", "-", " ", "none"))
).map("".join)
LABORATORIES = st.lists(
    st.sampled_from(("simsamm", ":", "fps", "=", "200", ",", ";", "jpeg", "n", "8", "+", " ", "a"))
).map("".join)
COHORTS = st.lists(
    st.sampled_from(("simsamm", ":", "Asian", "12", ",", "grey", "balanced", "White", "-1"))
).map("".join)
NAMES = st.sampled_from([*table.RULES])


def _option(name_and_text):
    return options.from_text(["=".join(name_and_text)])


CONFIG_TEXTS = {
    "settings": (st.tuples(NAMES, st.one_of(TEXTS, NUMBERS, st.lists(NUMBERS, max_size=3))),
                 lambda case: table.check_value(*case, table.RULES[case[0]])),
    "classes": (st.one_of(CLASSES, TEXTS), class_schemes.parse),
    "groups": (st.one_of(GROUPS, TEXTS), lambda text: grouping.grouping("custom", text)),
    "cohorts": (st.one_of(COHORTS, TEXTS), options.parse_cohorts),
    "simulated": (st.tuples(st.sampled_from([*vars(options.SimulatedOptions())]), TEXTS), _option),
    "backbones": (st.one_of(OPTIONS, TEXTS), lambda text: backbone_options.parse(text, "x")),
    "laboratories": (st.one_of(LABORATORIES, TEXTS), own_settings.parse),
    "recordings": (st.one_of(LABORATORIES, TEXTS), lambda text: recording.parse(text, [4, 8])),
    "overrides": (st.tuples(st.one_of(NAMES, TEXTS), st.one_of(TEXTS, NUMBERS)),
                  lambda case: configs.config("common", dict([case]))),
    "subjects": (TEXTS, splits._listed),
    "people": (TEXTS, lambda text: Request(["x"], person=text)),
    "frames": (TEXTS, lambda text: Request(["x"], onset=[text], apex=[text])),
    "ethnicity": (TEXTS, lambda text: Request(["x"], ethnicity=text)),
    "sources": (st.lists(st.sampled_from((*registry.SOURCES, "+", "=", ",", "x"))).map("".join),
                lambda text: registry.places(text, text)),
}  # fmt: skip


@pytest.mark.parametrize("cases", CASES)
@pytest.mark.parametrize(("strategy", "read"), CONFIG_TEXTS.values(), ids=CONFIG_TEXTS)
def test_config_texts(cases, strategy, read):
    fuzz(cases, strategy, read)


@pytest.mark.parametrize("cases", CASES)
def test_names_of_runs(cases):
    def read(text):
        try:
            assert str(RunId.parse(text)) == text
        except ValueError as error:
            raise UserError(str(error)) from error

    fuzz(cases, TEXTS, read)


@pytest.mark.parametrize("cases", CASES)
@pytest.mark.parametrize(
    ("text", "read"),
    [
        (PREDICTIONS, lambda path: predictions.read(path).table),
        (UNITS_TABLE, action_unit_table.read),
        (POOL, arms.read_pool),
        (RELABELLED, relabellings.read),
    ],
    ids=["predictions", "action units", "pool", "relabellings"],
)
def test_tables_of_results(cases, text, read, tmp_path):
    write = writer(tmp_path / "table.csv")
    fuzz(cases, damaged(text.encode()), lambda case: read(write(case)))


def refusing(read):
    """A reader whose refusal is a ValueError, as that of pixels and of parts of files is."""

    def refused(path):
        try:
            read(path)
        except ValueError as error:
            raise UserError(str(error)) from error

    return refused


def encoded(suffix):
    """A small file of pixels as bytes."""
    image = Image.fromarray(np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3))
    buffer = io.BytesIO()
    if suffix == ".npy":
        np.save(buffer, np.random.default_rng(0).normal(size=(8, 8, 3)))
    else:
        image.save(buffer, suffix.removeprefix("."), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0")
    return buffer.getvalue()


@pytest.mark.parametrize("cases", CASES)
@pytest.mark.parametrize("suffix", [".png", ".jpeg", ".tiff", ".bmp", ".webp", ".npy"])
def test_files_of_pixels(cases, suffix, tmp_path):
    write = writer(tmp_path / f"flow{suffix}")
    read = (lambda path: flow_file.read(path, 8)) if suffix == ".npy" else frames.read_image
    # Most of what is in a file are pixels; what can go wrong stands before them.
    whole = encoded(suffix)
    head = damaged(whole[:120]).map(lambda head: head + whole[120:])
    reader = refusing(read)
    fuzz(cases, st.one_of(head, damaged(whole)), lambda case: reader(write(case)))


@pytest.mark.parametrize("cases", CASES)
def test_files_of_weights(cases, tmp_path):
    whole = ststnet_weights.write(tmp_path).read_bytes()
    length = 8 + int.from_bytes(whole[:8], "little")
    write = writer(tmp_path / "weights.safetensors")
    head = damaged(whole[:length]).map(lambda head: head + whole[length:])
    fuzz(cases, head, lambda case: torch_weights._load(write(case)))


@pytest.mark.parametrize("cases", CASES)
def test_who_has_taught_a_file_of_weights(cases):
    texts = st.one_of(damaged(TAUGHT.encode()).map(lambda b: b.decode("utf-8", "replace")), TEXTS)
    fuzz(cases, st.one_of(texts, st.just("[" * 100_000)), refusing(Taught.from_json))


@pytest.mark.parametrize("cases", CASES)
def test_cells_of_tables_come_back_as_they_were(cases):
    begins = st.lists(st.sampled_from("'=+-@\t\r\n"), max_size=4).map("".join)

    def read(text):
        written = csv_cells.safe(text)
        assert csv_cells.plain(written) == text
        assert written == text or written.startswith("'")

    fuzz(cases, st.one_of(TEXTS, st.tuples(begins, TEXTS).map("".join)), read)
