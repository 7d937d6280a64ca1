"""Reading a work directory: curves after a resume, groupings, broken files."""

import json

import pytest
import report_workdir

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.report import files


def test_of_two_rows_for_one_epoch_the_later_counts(tmp_path):
    path = tmp_path / "scalars.jsonl"
    rows = [{"epoch": 0, "loss": 2.0}, {"epoch": 1, "loss": 1.0}, {"epoch": 1, "loss": 0.5}]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert files.read_scalars(path).loss.tolist() == [2.0, 0.5]


@pytest.mark.parametrize("line", ["{", "[]", '{"loss": 1}', '{"epoch": "x"}'])
def test_a_broken_line_is_named(tmp_path, line):
    path = tmp_path / "scalars.jsonl"
    path.write_text(f'{{"epoch": 0}}\n{line}\n')
    with pytest.raises(UserError, match="line 2: not a JSON object with an epoch"):
        files.read_scalars(path)


def test_missing_predictions_are_passed_on(tmp_path):
    with pytest.raises(UserError, match=r"predictions\.csv does not exist"):
        files.read(tmp_path)


def test_the_configured_grouping_is_applied(tmp_path):
    job = files.read(report_workdir.write(tmp_path))
    assert job.members == {"Asian": "asian", "White": "non_asian", "Black": "non_asian"}
    assert job.grouping.name == "custom"


def test_an_unknown_grouping_is_a_user_error(tmp_path):
    workdir = report_workdir.write(tmp_path)
    (workdir / "config.json").write_text('{"protocol": {"grouping": "mine"}}')
    with pytest.raises(UserError, match="grouping 'mine' is not known"):
        _ = files.read(workdir).members


def test_nested_settings_become_dotted_names():
    nested = {"a": {"b": 1, "c": {}}, "d": [1, 2], "e": "text"}
    assert list(files.flatten(nested)) == [
        ("a.b", "1"),
        ("a.c", "{}"),
        ("d", "[1, 2]"),
        ("e", "text"),
    ]
