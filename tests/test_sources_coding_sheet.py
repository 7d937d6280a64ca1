from __future__ import annotations

import dataclasses

import fictitious
import openpyxl
import pytest

from data_builders.sources import coding_sheet
from data_builders.sources.databases import casme2
from ethnicmer_jax.base.schema import UserError

NAME = "CASME2-coding-20190701.xlsx"
ROWS = [dataclasses.astuple(clip) for clip in fictitious.CASME2]


def find(raw):
    return coding_sheet.find_sheet(raw, casme2.DATABASE.frames.clip, "CASME II")


def test_cells_keep_their_type_and_other_columns_their_name(tmp_path):
    columns = (*fictitious.CASME2_COLUMNS, "Coder 2", "Remarks")
    rows = [(*ROWS[0], "Li", None), (*ROWS[1], None, 3)]
    first, second = coding_sheet.read_rows(fictitious.write_sheet(tmp_path / NAME, columns, rows))
    assert first.where == f"{NAME} row 2"
    assert first.cells == dict(zip(coding_sheet.OFFICIAL.required, ROWS[0], strict=True))
    assert (first.extra, second.extra) == ({"Coder 2": "Li"}, {"Remarks": "3"})


def test_blank_rows_are_passed_over_and_rows_keep_the_spreadsheet_s_number(tmp_path):
    path = fictitious.write_sheet(
        tmp_path / NAME, fictitious.CASME2_COLUMNS, [ROWS[0], [None], ROWS[1], [None, " "]]
    )
    assert [row.where for row in coding_sheet.read_rows(path)] == [f"{NAME} row 2", f"{NAME} row 4"]


def test_the_worksheet_with_the_header_is_found(tmp_path):
    workbook = openpyxl.Workbook()
    workbook.active.append(["About this workbook"])
    coding = workbook.create_sheet("coding")
    for row in (fictitious.CASME2_COLUMNS, *ROWS):
        coding.append(row)
    workbook.save(tmp_path / NAME)
    assert len(coding_sheet.read_rows(tmp_path / NAME)) == len(ROWS)


def test_a_renamed_column_is_named_with_those_found(tmp_path):
    columns = ["Start" if name == "OnsetFrame" else name for name in fictitious.CASME2_COLUMNS]
    path = fictitious.write_sheet(tmp_path / NAME, columns, ROWS)
    with pytest.raises(UserError, match=f"{NAME} lacks the column Onset; row 1 has .*, Start"):
        coding_sheet.read_rows(path)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("CASME2-coding-20140508", "CASME2-coding-20190701"),
        ("SAMM_Micro_FACS_Codes", "SAMM_Micro_FACS_Codes_v2"),
        ("code_final", "code_final(Updated)"),
    ],
)
def test_of_several_versions_of_a_sheet_the_last_counts(tmp_path, older, newer):
    for folder, name in (("old/b", newer), ("", older)):
        fictitious.write_sheet(tmp_path / folder / f"{name}.xlsx", fictitious.CASME2_COLUMNS, ROWS)
    assert find(tmp_path).stem == newer


def test_sheets_of_databases_that_differ_in_a_number_are_no_versions(tmp_path):
    for name in ("CASME", "CASME2"):
        fictitious.write_sheet(tmp_path / f"{name}.xlsx", fictitious.CASME2_COLUMNS, ROWS)
    with pytest.raises(UserError, match="several sheets code clips"):
        find(tmp_path)


def test_a_sheet_that_codes_no_clip_is_refused(tmp_path):
    fictitious.write_sheet(tmp_path / NAME, fictitious.CASME2_COLUMNS, [])
    with pytest.raises(UserError, match=f"no sheet codes a clip of CASME II; looked into {NAME}"):
        find(tmp_path)


def test_a_file_that_is_no_workbook_is_refused(tmp_path):
    (tmp_path / "coding.xlsx").write_text("Subject,Filename")
    with pytest.raises(UserError, match=r"coding\.xlsx is not a readable \.xlsx workbook"):
        coding_sheet.read_rows(tmp_path / "coding.xlsx")
    with pytest.raises(UserError, match=r"looked into coding\.xlsx \(no readable workbook\)"):
        find(tmp_path)


def test_a_header_without_rows_is_refused(tmp_path):
    path = fictitious.write_sheet(tmp_path / NAME, fictitious.CASME2_COLUMNS, [])
    with pytest.raises(UserError, match=r"lists no clips below its header \(row 1\)"):
        coding_sheet.read_rows(path)


def test_a_sheet_is_known_by_its_clips_whatever_its_name(tmp_path):
    fictitious.write_samm(tmp_path)
    fictitious.write_casme2(tmp_path, sheet="mine.xlsx")
    (tmp_path / "~$mine.xlsx").write_text("left by an open spreadsheet program")
    (tmp_path / "broken.xlsx").write_text("not a workbook")
    assert find(tmp_path) == tmp_path / "mine.xlsx"


def test_two_sheets_are_not_guessed_between(tmp_path):
    fictitious.write_casme2(tmp_path)
    fictitious.write_casme2(tmp_path, sheet="second.xlsx")
    with pytest.raises(UserError, match=r"several sheets code .*: CASME2.*, second"):
        find(tmp_path)
