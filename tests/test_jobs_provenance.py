"""How results came about: recorded before training, completed later, never guessed."""

import pytest

from ethnicmer_jax.base import sums
from ethnicmer_jax.jobs import provenance

CONFIG = {"protocol": {"name": "loso"}}
HERE = {"command": "first", "date": "2026-01-01", "machine": "a", "versions": {"jax": "0.10"}}


def test_the_first_start_counts_and_the_same_machine_adds_nothing(tmp_path):
    provenance.begin(tmp_path, CONFIG, ["a note"], HERE)
    before = (tmp_path / provenance.FILE_NAME).read_bytes()
    later = {**HERE, "command": "again", "date": "2026-01-02"}
    assert provenance.begin(tmp_path, CONFIG, ["a note"], later) == (["a note"], HERE)
    assert (tmp_path / provenance.FILE_NAME).read_bytes() == before
    assert provenance.config_of(tmp_path) == CONFIG


def test_another_machine_or_version_that_goes_on_is_told_once(tmp_path):
    provenance.begin(tmp_path, CONFIG, ["a note"], HERE)
    other = {**HERE, "command": "again", "versions": {"jax": "0.11"}}
    for _ in range(2):
        found = provenance.begin(tmp_path, CONFIG, ["another note"], other)
    assert found.notes == ["a note", "another note"]
    assert found.environment == {
        **HERE,
        "continued": [{"command": "again", "versions": {"jax": "0.11"}}],
    }
    assert provenance.read(tmp_path) == found


def test_what_is_not_known_is_said_and_not_guessed(tmp_path):
    assert provenance.read(tmp_path) == ((), {})
    (tmp_path / "parts").mkdir()
    found = provenance.begin(tmp_path, CONFIG, [], HERE)
    assert found.environment["begun"] == "not known: by an earlier version"


def test_a_work_directory_of_an_earlier_version_has_it_in_its_metrics(tmp_path):
    (tmp_path / "metrics.json").write_text('{"notes": ["n"], "environment": {"python": "3.11"}}')
    assert provenance.read(tmp_path) == (["n"], {"python": "3.11"})


def test_a_damaged_file_is_refused_where_nothing_else_says_the_same(tmp_path, capsys):
    provenance.begin(tmp_path, CONFIG, ["n"], HERE)
    path = tmp_path / provenance.FILE_NAME
    path.write_text(path.read_text().replace("first", "third"))
    with pytest.raises(sums.DamagedError):
        provenance.read(tmp_path)
    assert provenance.config_of(tmp_path) is None
    found = provenance.begin(tmp_path, CONFIG, ["n"], HERE)
    assert found.environment["begun"] == "not known: provenance.json was damaged or lost"
    assert "provenance.json.damaged" in capsys.readouterr().err
