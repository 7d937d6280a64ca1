"""The same cell means the same, whatever table it stands in."""

import fictitious
import pytest

from data_builders.ethnicity.table_annotator import TableAnnotator
from data_builders.sources import cells, manifest
from data_builders.sources.databases import casme2
from ethnicmer_jax.base.schema import UserError


def from_sheet(folder, age, gender):
    columns = (*fictitious.CASME2_COLUMNS, "Age", "Gender")
    fictitious.write_casme2(folder)
    row = (1, "EP02_01f", 46, 59, 86, 12, "happiness", age, gender)
    fictitious.write_sheet(folder / "CASME2-coding-20190701.xlsx", columns, [row])
    listing = casme2.DATABASE.list_clips(folder)
    if any("kept without demographics" in problem.what for problem in listing.problems):
        raise ValueError(str(listing.problems))
    [task] = listing.tasks
    return task.labels.age_decade, task.labels.gender


def from_manifest(folder, age, gender):
    (folder / "flow.npy").write_bytes(b"")
    path = folder / "manifest.csv"
    path.write_text(
        "database,subject,clip,emotion,flow,age_decade,gender\n"
        f"lab,1,1,anger,flow.npy,{age},{gender}\n"
    )
    listing = manifest.list_clips(path)
    if listing.problems:
        raise ValueError(str(listing.problems))
    [task] = listing.tasks
    return task.labels.age_decade, task.labels.gender


def from_table(folder, age, gender):
    path = folder / "raw.csv"
    path.write_text(f"Subject,Filename,Race,Age,Gender\n1,a,0,{age},{gender}\n")
    [vote] = TableAnnotator(path, "lab").votes()
    return vote.age_decade, vote.gender


@pytest.fixture(params=[from_sheet, from_manifest, from_table])
def read(request, tmp_path):
    """(age, gender) as text -> as read, by each of the readers of tables."""
    return lambda age="2", gender="0": request.param(tmp_path, age, gender)


@pytest.mark.parametrize(("text", "decade"), [("0", 0), ("2", 2), ("12", 12), ("", -1)])
def test_ages_are_decades_of_life_in_every_table(read, text, decade):
    assert read(age=text)[0] == decade


@pytest.mark.parametrize("text", ["13", "25", "100", "-2", "2.5", "young"])
def test_no_table_takes_years_for_decades(read, text):
    with pytest.raises((ValueError, UserError), match=f"'{text}' is no decade of life"):
        read(age=text)


@pytest.mark.parametrize(
    ("text", "gender"),
    [("0", "male"), ("1", "female"), ("Female", "female"), ("unknown", "unknown"), ("", "unknown")],
)
def test_genders_are_codes_or_names_in_every_table(read, text, gender):
    assert read(gender=text)[1] == gender


def test_no_table_takes_another_gender(read):
    with pytest.raises((ValueError, UserError), match="'2' is unknown; use male, female"):
        read(gender="2")


@pytest.mark.parametrize(("cell", "text"), [(None, ""), (2.0, "2"), (2, "2"), (" x ", "x")])
def test_a_typed_cell_is_what_the_spreadsheet_shows(cell, text):
    assert cells.text_of(cell) == text


def test_a_foreign_word_of_emotion_is_told_of_the_mapping_file():
    with pytest.raises(ValueError, match=r"'Freude' is unknown; .*\[cells\.emotion\]"):
        cells.emotion("Freude")
    with pytest.raises(ValueError, match=r"^is blank$"):
        cells.emotion("")
