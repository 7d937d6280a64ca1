"""Small files that ask for gigabytes, and files that lie: refused in one line that names them.

What each reader may take stands in docs/limits.md; the limits themselves in `base.bounds`.
"""

from __future__ import annotations

import resource
import struct
import zipfile

import cv2
import numpy as np
import openpyxl
import pytest
from PIL import Image

from data_builders.ethnicity.table_annotator import TableAnnotator
from data_builders.ethnicity.tables import RecordedVotes, read_overrides
from data_builders.pixels import flow_file, frames, video
from data_builders.sources import demographics, manifest, mapping, text_table, workbook
from ethnicmer_jax.base import bounds
from ethnicmer_jax.base.schema import UserError

MEMORY = 200 * bounds.MEBI
"""What refusing any of these files may take."""


@pytest.fixture(autouse=True)
def bounded():
    """Fails a test whose process has grown by more than MEMORY."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < MEMORY


def refused(path, read):
    """The one line with which a file is refused; it names the file."""
    with pytest.raises((UserError, ValueError)) as error:
        read(path)
    line = str(error.value)
    assert path.name in line
    assert "\n" not in line
    assert len(line) < 600
    return line


def book(path, cells):
    written = openpyxl.Workbook()
    for (row, column), value in cells.items():
        written.active.cell(row, column, value)
    written.save(path)
    return path


def with_part(path, content, name="xl/worksheets/sheet1.xml", method=zipfile.ZIP_DEFLATED):
    """A workbook, one of whose parts is exchanged."""
    whole = book(path.with_name("whole.xlsx"), {(1, 1): "a"})
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w", method) as target:
        for part in source.namelist():
            target.writestr(part, content if part == name else source.read(part))
    return path


@pytest.mark.parametrize("place", [(1_048_576, 16_384), (1_048_576, 1), (2, 16_384)])
@pytest.mark.parametrize("read", [workbook.worksheets, text_table.parse, demographics.read_table])
def test_one_cell_at_the_far_end_of_a_workbook(tmp_path, place, read):
    path = book(tmp_path / "far.xlsx", {(1, 1): "subject", place: 1})
    assert "clear that cell" in refused(path, read)


def test_a_far_cell_of_which_only_the_format_is_set_is_no_cell(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "TABLE_ROWS", 200)
    written = openpyxl.Workbook()
    written.active.append(["subject", "ethnicity"])
    written.active.cell(2_000, 1_500).number_format = "0.00"
    written.save(tmp_path / "formatted.xlsx")
    assert text_table.parse(tmp_path / "formatted.xlsx").columns == ("subject", "ethnicity")


def test_a_workbook_that_unpacks_to_much_more_than_it_has(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "WORKBOOK_BYTES", 4 * bounds.MEBI)
    path = with_part(tmp_path / "bomb.xlsx", b" " * (bounds.WORKBOOK_BYTES + 1))
    assert path.stat().st_size < bounds.MEBI
    assert "unpacks to 4 MiB" in refused(path, workbook.worksheets)


MAIN = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


@pytest.mark.parametrize(
    "sheet",
    [
        b"<worksheet %s><sheetData><row>" % MAIN,  # ends there
        b"<worksheet %s><sheetData><row r='x'><c r='A1'/></row></sheetData></worksheet>" % MAIN,
        b"<worksheet %s><sheetData><row><c r='1A1'><v>1</v></c></row></sheetData></worksheet>"
        % MAIN,
        b"<a>" * 100_000,
        b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
        b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">'
        b'<!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;"><!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;">'
        b'<!ENTITY g "&f;&f;&f;&f;&f;&f;&f;&f;"><!ENTITY h "&g;&g;&g;&g;&g;&g;&g;&g;">]>'
        b"<a>&h;&h;&h;&h;</a>",
        b'<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><a>&a;</a>',
        b"\0\0",
    ],
)
def test_broken_xml(tmp_path, sheet):
    path = with_part(tmp_path / "broken.xlsx", sheet)
    assert "is not a readable .xlsx workbook" in refused(path, workbook.worksheets)


def test_a_workbook_packed_as_no_spreadsheet_packs_it(tmp_path):
    path = with_part(tmp_path / "packed.xlsx", b"<a/>", method=zipfile.ZIP_LZMA)
    assert "is not a readable .xlsx workbook" in refused(path, workbook.worksheets)


TABLES = (
    manifest.list_clips,
    demographics.read_table,
    read_overrides,
    lambda path: list(TableAnnotator(path, "samm").votes()),
    lambda path: list(RecordedVotes(path).votes()),
)


@pytest.mark.parametrize("read", TABLES)
@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n" + b"x" * 2_000_000 + b",1\n",
        b'a,b\n"' + b"x" * 2_000_000,
        b"," * 100_000 + b"a\n1\n",
        b"a,b\n\0,1\n",
        b"a,b\n\xff\xfe\x81,1\n",
        b"\xff\xfe\x00\xd8\x00\xd8",
        b"Subject,Filename,Race,database\n\"s1\",c,0,x,'y'\n",
        b"subject,subject,database,Filename,Race\n",
        b"\n" * 300_000,
        b"",
    ],
    ids=["field", "quote", "wide", "NUL", "bytes", "UTF-16", "extra", "twice", "lines", "empty"],
)
def test_tables(tmp_path, read, content):
    (tmp_path / "table.csv").write_bytes(content)
    refused(tmp_path / "table.csv", read)


def test_long_tables(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "TABLE_ROWS", 2000)
    path = tmp_path / "table.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * bounds.TABLE_ROWS)
    assert "more than 2,000 rows" in refused(path, text_table.parse)
    monkeypatch.setattr(bounds, "TABLE_BYTES", 2 * bounds.MEBI)
    path.write_bytes(b"a" * (bounds.TABLE_BYTES + 1))
    assert "more than 2 is not read" in refused(path, text_table.parse)


def test_long_mapping_files(tmp_path):
    path = tmp_path / "lab.toml"
    path.write_text("# " + "x" * bounds.SETTINGS_BYTES)
    assert "a mapping file of more than 1 is not read" in refused(path, mapping.read)


MANY = "database,subject,clip,emotion,{}\nlab,1,a,fear,{}\n"


@pytest.mark.parametrize("column", ["flow", "frames", "onset_path"])
@pytest.mark.parametrize("name", ["x" * 300, "x" * 5000, "a/" * 3000, "\x01", "~root", "é" * 200])
def test_names_that_no_file_can_have(tmp_path, column, name):
    (tmp_path / "m.csv").write_text(MANY.format(column, f'"{name}"'))
    (problem,) = manifest.list_clips(tmp_path / "m.csv").problems[:1]
    assert "there is no" in str(problem)
    assert len(str(problem)) < 1000


@pytest.mark.parametrize("name", ["onset", "apex", "offset"])
@pytest.mark.parametrize("cell", ["x" * 300, "9" * 5000, "../" * 50 + "x.png"])
def test_names_of_frames_that_no_file_can_have(tmp_path, name, cell):
    (tmp_path / "f").mkdir()
    for number in range(3):
        (tmp_path / "f" / f"{number}.png").touch()
    cells = {"onset": "0", "apex": "1", "offset": "2"} | {name: cell}
    header, row = ",".join(["frames", *cells]), ",".join(["f", *cells.values()])
    (tmp_path / "m.csv").write_text(MANY.format(header, row))
    manifest.list_clips(tmp_path / "m.csv")  # an offset is stored and need not be there


def npy(path, header, body=b""):
    header = header.encode("latin-1") + b" " * ((53 - len(header)) % 64) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body)
    return path


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (100000, 100000, 3), }", "million"),
        (f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({10**20}, 3, 3), }}", "header"),
        (f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({10**4000}, 3, 3), }}", "header"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3, 3), }", "must be"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 3, 3), }", "is damaged"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': ((((3, 3, 3), }", "header"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (3, 3, 3), }", "numbers"),
        ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3, 3, 3), }", "numbers"),
        ("{'descr': '<f4' * 10**9, 'fortran_order': False, 'shape': (3, 3, 3), }", "header"),
        ("(" * 9000, "header"),
        ("\0" * 20, "header"),
    ],
)  # fmt: skip
def test_headers_of_arrays(tmp_path, header, why):
    path = npy(tmp_path / "flow.npy", header)
    assert why in refused(path, lambda path: flow_file.read(path, 28))


@pytest.mark.parametrize("content", [b"PK\3\4garbage", b"", b"\x93NUMPY", b"\x80\x04.", b"x"])
def test_files_that_are_no_array(tmp_path, content):
    (tmp_path / "flow.npy").write_bytes(content)
    line = refused(tmp_path / "flow.npy", lambda path: flow_file.read(path, 28))
    assert "is no NumPy array" in line


def test_arrays_that_are_read_as_ever(tmp_path):
    field = np.random.default_rng(0).normal(size=(28, 28, 3)).astype(np.float32)
    for order in "CF":
        np.save(tmp_path / "flow.npy", np.array(field, order=order))
        np.testing.assert_array_equal(flow_file.read(tmp_path / "flow.npy", 28)[0], field)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
@pytest.mark.parametrize("read", [frames.read_image, lambda path: flow_file.read(path, 28)])
def test_images_of_many_pixels_are_refused_by_their_header(tmp_path, monkeypatch, suffix, read):
    path = tmp_path / f"big{suffix}"
    Image.new("1", (8_000, 6_000)).save(path)
    Image.init()  # which loads small images of its own
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("was decoded"))
    assert "8000×6000 pixels" in refused(path, read)


def test_videos_of_many_pixels_are_refused_by_their_header(tmp_path, monkeypatch):
    path = tmp_path / "film.avi"
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (640, 480))
    film.write(np.zeros((480, 640, 3), np.uint8))
    film.release()
    monkeypatch.setattr(bounds, "PIXELS", 640 * 480 - 1)
    for read in (video.seconds, video.announced, lambda path: video.frame(path, 0)):
        assert "640×480 pixels" in refused(path, read)


def test_videos_of_many_frames(tmp_path, monkeypatch):
    path = tmp_path / "long.avi"
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (8, 8))
    for _ in range(6):
        film.write(np.zeros((8, 8, 3), np.uint8))
    film.release()
    monkeypatch.setattr(bounds, "FRAMES", 5)
    assert "more than 5 frames" in refused(path, video.seconds)
