"""The Action Units of a study's clips survive the file; a wrong file is named."""

import numpy as np
import pytest

from ethnicmer_jax.analysis.action_units import table
from ethnicmer_jax.base.schema import ActionUnit, ClipLabels, ClipRecord, UserError
from ethnicmer_jax.data.dataset import from_records

UNITS = ((ActionUnit(4), ActionUnit(10, "L"), ActionUnit(14, "R", "A")), ())


@pytest.fixture
def path(tmp_path):
    about = [("samm", "006", "negative", "White"), ("casme2", 'a,"b"', "surprise", "Asian")]
    records = [
        ClipRecord(
            ClipLabels(
                database=database,
                subject=subject,
                clip="EP01",
                emotion=emotion,
                raw_emotion=emotion,
                ethnicity=ethnicity,
                action_units=units,
            ),
            flow=np.zeros((2, 2, 3), np.float32),
            flow_unit="percent_of_width",
        )
        for (database, subject, emotion, ethnicity), units in zip(about, UNITS, strict=True)
    ]
    table.write(from_records(records), tmp_path / "action_units.csv")
    return tmp_path / "action_units.csv"


def test_what_is_written_reads_back(path):
    found = table.read(path)
    assert tuple(found.columns) == table.COLUMNS
    # A dataset is sorted by database.
    assert tuple(found["action_units"]) == UNITS[::-1]
    assert list(found["subject"]) == ['a,"b"', "006"]
    assert list(found["emotion"]) == ["surprise", "negative"]
    assert list(found["ethnicity"]) == ["Asian", "White"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("4+L10+R14A", "4+X", "row 3: 'X' is not an Action Unit code"),
        ("action_units", "units", "no column action_units"),
    ],
)
def test_a_wrong_table_is_named(path, old, new, message):
    (path.parent / ".sums").unlink()  # as of an earlier version: the change is meant
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=message):
        table.read(path)


def test_no_table_at_all(tmp_path):
    with pytest.raises(UserError, match=r"none\.csv does not exist"):
        table.read(tmp_path / "none.csv")
