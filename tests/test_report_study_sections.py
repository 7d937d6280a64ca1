"""The Action Unit section: what the reader sees of a known table, and of the real one."""

import pandas as pd
import study_world

from data_builders.sources.action_units import parse
from ethnicmer_jax.analysis.action_units import findings
from ethnicmer_jax.analysis.action_units.table import COLUMNS
from ethnicmer_jax.report.study import sections

MEMBERS = {"Asian": "asian", "White": "non_asian"}
HOLM = "p, permuted within database (Holm)"


def drawn(path, members):
    return sections.action_units(findings.analyse(path, members, study_world.SIDES))


def rows(section, name):
    """(unit, emotion) -> the cells of a table by their headers."""
    (table,) = (block for block in section.blocks if getattr(block, "name", "") == name)
    headers = [column.label for column in table.columns]
    return {tuple(row[:2]): dict(zip(headers, row, strict=True)) for row in table.rows()}


def test_units_of_one_group_are_found_within_databases_and_shared_ones_are_not(tmp_path):
    path = tmp_path / "action_units.csv"
    study_world.write_action_units(path, more_often=4)
    section = drawn(path, MEMBERS)
    units = rows(section, "action_units")
    # No permutation of 10,000 is as extreme: twice 1 / 10,001, times 6 tests.
    assert units[("AU4", "negative")][HOLM] == ".001"
    assert units[("AU12", "positive")]["Asian"] == "40/40"
    assert units[("AU12", "positive")][HOLM] == "1.00"
    pairs = rows(section, "action_unit_pairs")
    assert set(pairs) == {("AU1+2", "surprise"), ("AU4+7", "negative")}
    (text,) = section.blocks[0].paragraphs
    # AU 4, 7 and 15 of the negative clips differ.
    assert "3 of them show a difference between Asian and Non-Asian after Holm's" in text


def test_a_group_that_is_a_database_is_not_tested(tmp_path):
    path = tmp_path / "action_units.csv"
    study_world.write_action_units(path, more_often=4)
    table = pd.read_csv(path, keep_default_na=False)
    table[(table.database == "first") == (table.ethnicity == "Asian")].to_csv(path, index=False)
    section = drawn(path, MEMBERS)
    assert "none is separable from database" in section.blocks[0].paragraphs[0]
    assert {row[HOLM] for row in rows(section, "action_units").values()} == {"–"}


def test_without_the_file_or_without_units_there_is_no_section(tmp_path):
    path = tmp_path / "action_units.csv"
    assert findings.analyse(path, MEMBERS, study_world.SIDES) is None
    pd.DataFrame([("d", "s", "c", "negative", "White", "")], columns=COLUMNS).to_csv(
        path, index=False
    )
    assert findings.analyse(path, MEMBERS, study_world.SIDES) is None


def test_the_real_clips_show_the_published_counts(real_manifest, tmp_path):
    table = pd.read_csv(real_manifest, dtype=str, keep_default_na=False)
    table["action_units"] = ["+".join(map(str, parse(cell))) for cell in table["action_units"]]
    table[list(COLUMNS)].to_csv(tmp_path / "au.csv", index=False)
    # The reference counts everybody who is not Asian on the other side of these 278 clips.
    members = dict.fromkeys(("White", "Black", "Indian", "Others"), "non_asian")
    section = drawn(tmp_path / "au.csv", {"Asian": "asian"} | members)
    six = rows(section, "action_units")[("AU6", "positive")]
    assert (six["Asian"], six["Non-Asian"]) == ("8/33", "3/25")
    assert six["p, Fisher (clips taken as independent)"] == ".32"
    assert {row[HOLM] for row in rows(section, "action_units").values()} == {"1.00"}
