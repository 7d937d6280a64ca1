"""What people read instead of machine names, and the one format of numbers."""

import math
import re

import hypothesis
import pytest
from hypothesis import strategies as st

from data_builders.sources import registry
from ethnicmer_jax.base import contrast_roles, labels, run_id
from ethnicmer_jax.base.grouping import GROUPINGS

MACHINE = re.compile(r"[a-z0-9]_[a-z0-9]|(?<![\w.\-])-\.?\d|-(draw|seed)\d")
"""Names that scripts join on, and a hyphen for a minus."""


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("asian_to_non_asian", "Asian → Non-Asian"),
        ("stereo_to_asian", "stereo → Asian"),
        ("mono_non_asian", "mono Non-Asian"),
        ("single_samm", "SAMM alone"),
        ("casme2_to_my_lab", "CASME II → My Lab"),
        ("loso-seed0", "LOSO, seed 0"),
        ("ethnicity.mono_asian-draw3-seed0", "ethnic groups: mono Asian, draw 3, seed 0"),
        ("pooled.loso", "pooled LOSO: LOSO"),
        ("embed_shuffled.loso-seed1", "embed, shuffled labels: LOSO, seed 1"),
        ("within_samm.asian_to_non_asian-draw0-seed0",
         "within SAMM: Asian → Non-Asian, draw 0, seed 0"),
        ("final.everybody-seed4", "final: everybody, seed 4"),
        ("non_asian", "Non-Asian"),
        ("casme2", "CASME II"),
        ("kfold", "K folds"),
        ("", ""),
    ],
)  # fmt: skip
def test_names_as_people_read_them(name, shown):
    assert labels.human(name) == shown


def test_groups_databases_and_contrasts():
    assert labels.group("east_asian") == "East Asian"
    assert labels.group("EU") == "EU"
    assert labels.group("excluded") == "excluded"
    assert labels.database("4dme") == "4DME"
    assert labels.database("simsamm") == "simulated SAMM"
    inside = contrast_roles.within("samm", contrast_roles.regrouped("reference"))
    assert labels.contrast(inside) == "within SAMM, Indian and Others counted as Asian"
    assert labels.contrast("within_lab_2") == "within Lab 2"


def test_databases_are_called_what_their_readers_call_them():
    assert {name: one.title for name, one in registry.DATABASES.items()} == labels.DATABASES


def test_no_name_of_ours_is_shown_as_a_machine_writes_it():
    groups = sorted({group for grouping in GROUPINGS.values() for group in grouping})
    sides = [*groups, *labels.DATABASES, run_id.STEREO]
    cells = [run_id.mono(side) for side in sides]
    cells += [run_id.crossed(a, b) for a in sides for b in sides if a != b]
    cells += [run_id.single(name) for name in labels.DATABASES]
    whole = [contrast_roles.regrouped(name) for name in GROUPINGS]
    parts = [*contrast_roles.FAMILIES, *whole]
    parts += [contrast_roles.within(d, c) for d in labels.DATABASES for c in ("ethnicity", *whole)]
    jobs = [run_id.wrongly_told(job, wrong) for job in ("embed", "bias")
            for wrong in run_id.WRONG_LABELS]  # fmt: skip
    runs = [str(run_id.RunId(contrast=p, cell=c, draw=1, seed=2)) for p in parts for c in cells]
    runs += [str(run_id.RunId(job=job, cell="loso", seed=0)) for job in jobs]
    shown = [*map(labels.human, [*runs, *cells, *groups]), *map(labels.contrast, parts)]
    assert [text for text in shown if MACHINE.search(text)] == []
    assert len(set(map(labels.human, runs))) == len(runs)


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (labels.score(0.7524), ".752"),
        (labels.score(1.0), "1.000"),
        (labels.score(-0.0001), ".000"),
        (labels.score(-0.012), "−.012"),
        (labels.signed(0.05), "+.050"),
        (labels.signed(-1.25, 2), "−1.25"),
        (labels.interval(0.669, 0.818), "[.669, .818]"),
        (labels.interval(-0.016, 0.119, sign=True), "[−.016, +.119]"),
        (labels.estimate(0.752, 0.669, 0.818), ".752 [.669, .818]"),
        (labels.estimate(0.752, math.nan, 0.818), ".752"),
        (labels.decimal(0.85), "0.85"),
        (labels.decimal(-0.2, sign=True), "−0.20"),
        (labels.percent(0.763, 1), "76.3%"),
        (labels.count(22482), "22,482"),
        (labels.score(None), "–"),
        (labels.signed(math.nan), "–"),
        (labels.minus("-0.1 to -.2, a-1, 2020-05-01"), "−0.1 to −.2, a-1, 2020-05-01"),
    ],
)  # fmt: skip
def test_numbers_have_one_format(shown, text):
    assert shown == text


@hypothesis.given(st.floats(-1, 1), st.integers(0, 4))
def test_what_is_shown_reads_back_as_what_was_meant(value, digits):
    for show in (labels.score, labels.signed, labels.decimal):
        text = show(value, digits)
        assert "-" not in text
        assert abs(float(text.replace("−", "-")) - value) <= 0.5 * 10**-digits + 1e-12
