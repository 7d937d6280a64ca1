"""Planned recordings: designs from text, one-line refusals, a power curve, resuming."""

from __future__ import annotations

import math
import subprocess
import sys

import ml_collections
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import plan as plan_config
from data_builders.simulation.options import parse_cohorts
from ethnicmer_jax.base import settings
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs.calibration import plan, worlds
from ethnicmer_jax.jobs.planning import recording, runner


def planned(text, sizes=(), databases=2, effects=(0.0, 1.0)):
    """Recordings and a config in which each takes seconds."""
    made = recording.parse(text, sizes)
    config = plan_config.get_config()
    config.calibration.designs = ml_collections.ConfigDict()
    for name, design in recording.designs(made, plan_config.STYLES):
        config.calibration.designs[name] = design
    config.calibration.update({"databases": databases, "power_databases": databases, "chunk": 2})
    config.calibration.effects = effects
    config.engine.devices = 1
    return made, config


def test_laboratories_become_databases_that_record_in_their_own_way():
    made, config = planned("a:8+8, b:12+4, c:16+0")
    settings.check(config.to_dict())
    assert [r.label for r in made] == ["36 + 12 subjects in 3 laboratories (a:8+8,b:12+4,c:16+0)"]
    options = list(worlds.options(plan.chunks(config)[0].worlds[0], config))
    filmed = {
        own.cohorts[0].database: {cohort.ethnicity: cohort.subjects for cohort in own.cohorts}
        for own in options
    }
    assert filmed == {
        "a": {"Asian": 8, "White": 8}, "b": {"Asian": 12, "White": 4}, "c": {"Asian": 16}
    }  # fmt: skip
    assert len({(own.flow_noise, own.intensity) for own in options}) == 3


def test_a_range_of_subjects_is_a_design_each():
    made, config = planned("new:n+n,old:16+0", sizes=(6, 12, 6))
    assert [r.label for r in made] == [
        "22 + 6 subjects in 2 laboratories (new:6+6,old:16+0)",
        "28 + 12 subjects in 2 laboratories (new:12+12,old:16+0)",
    ]  # fmt: skip
    assert [r.n for r in made] == [6, 12]
    assert list(config.calibration.designs) == ["plan_006", "plan_012"]


@pytest.mark.parametrize(
    ("text", "sizes", "message"),
    [
        ("a:8", (), r"'a:8' does not read NAME:COUNT\+COUNT"),
        ("", (), "does not read NAME"),
        ("a:8+8,a:4+4", (), "a is named twice"),
        ("a:8+0,b:0+8", (), "no laboratory films both groups, so that group and laboratory are"),
        ("a:4+4", (), r"in 35 ways only, .* record 5 \+ 5 or more"),
        ("a:3+40", (), "a group of 3 cannot teach and be tested in turn; record 4 or more"),
        ("a:8+8,b:0+0", (), "b films 0 subjects; plan with 1 to 500"),
        ("a:600+8", (), "a films 608 subjects; plan with 1 to 500"),
        ("a:n+n", (), "say what n is, such as --subjects=4,8,16"),
        ("a:8+8", (4, 8), "no count is n, so --subjects changes nothing"),
    ],
)
def test_an_impossible_recording_is_refused_in_one_line(text, sizes, message):
    with pytest.raises(UserError, match=message) as caught:
        recording.parse(text, sizes)
    assert "\n" not in str(caught.value)


laboratories = st.dictionaries(
    st.from_regex(r"[a-z]{1,6}", fullmatch=True),
    st.tuples(st.integers(0, 40), st.integers(0, 40)).filter(sum),
    min_size=1,
    max_size=4,
)


@given(laboratories)
def test_what_is_written_is_filmed_or_refused(asked):
    text = ",".join(f"{name}:{a}+{b}" for name, (a, b) in asked.items())
    ways = sum(math.comb(a + b, a) for a, b in asked.values() if min(a, b))
    if ways < 80 or min(map(sum, zip(*asked.values(), strict=True))) < 4:
        return  # refused: see above
    (made,) = recording.parse(text)
    assert {lab.name: lab.subjects for lab in made.laboratories} == asked
    for laboratory in made.laboratories:
        cohorts = parse_cohorts(laboratory.cohorts)
        assert sum(cohort.subjects for cohort in cohorts) == sum(laboratory.subjects)


def test_a_plan_writes_its_files_and_resumes_with_the_same_bytes(tmp_path):
    made, config = planned("a:5+5")
    found = runner.run(config, made, tmp_path)
    files = [tmp_path / name for name in ("power.csv", "detectable.csv", "databases.csv")]
    before = [file.read_bytes() for file in files]
    assert len(found) == 1
    rates = pd.read_csv(files[0])
    assert list(rates["effect"]) == [0, 1]
    assert (rates["databases"] == 2).all()
    page = (tmp_path / "report" / "index.html").read_text()
    assert "5 + 5 subjects in 1 laboratory (a:5+5)" in page
    assert set(rates["series"]) == {"5 + 5 subjects in 1 laboratory (a:5+5)"}
    assert "(coarse: 2 simulated recordings a point)." in page
    # A bound beyond all effects is in words in the table, too.
    assert "above 1]" in page
    assert (tmp_path / "report" / "tables" / "detectable.csv").is_file()
    files[0].unlink()
    runner.run(config, made, tmp_path)
    assert [file.read_bytes() for file in files] == before


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--laboratories=a:8+0", "no laboratory films both groups"),
        ("--effects=0,much", "--effects=0,much: give numbers"),
        ("--effects=2", "--effects is 2.0; it must be a number from 0 to 1"),
        ("--precision=0", "--precision is 0.0; it must be a number from 0.005 to 0.45"),
    ],
)
def test_the_command_refuses_in_one_line(tmp_path, flag, message):
    command = [sys.executable, "-m", "ethnicmer_jax", "plan", f"--workdir={tmp_path / 'w'}", flag]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "w").exists()
