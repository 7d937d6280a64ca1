"""The report of a study: every part is there, and optional parts may be absent."""

import dataclasses

import pandas as pd
import pytest
import report_workdir
from test_report_figures import PREVALENCE, REJECTIONS, ROWS

from ethnicmer_jax.report import inputs, study
from ethnicmer_jax.report.conclusion import Control, Range, conclude
from ethnicmer_jax.report.document import Note, Prose, Section

CONTROLS = [Control("within samm", False, "+0.01 [-0.20, +0.22]", separates_database=True)]
COMPARED = pd.DataFrame(
    {"emotion": ["negative"], "au": [4], "n_with_a": [30], "n_a": [40], "n_with_b": [5]}
    | {"n_b": [20], "persons_a": [9], "persons_b": [3], "difference": [0.5]}
    | {"p_holm": [0.01], "p_fisher": [0.32]}
)


@pytest.fixture(scope="module")
def example() -> study.Study:
    groups = ("asian", "non_asian")
    return study.Study(
        estimates=ROWS.assign(n_runs=100, n_subjects=16, n_clips=90),
        differences=ROWS.assign(p_holm=[0.04, float("nan"), 1.0]),
        matching=pd.DataFrame({"arm": ["stereo"], "clips": [90], "share_negative": [0.61]}),
        control_estimates=ROWS,
        controls=CONTROLS,
        finding=conclude(Range(0.1, 0.02, 0.2), groups, CONTROLS, confounded=True),
        groups=groups,
        prevalence=PREVALENCE,
        au_comparison=COMPARED,
        calibration=REJECTIONS,
        extra=[Section("reference", "The reference's own comparison", [Note("one draw")])],
    )


@pytest.fixture(scope="module")
def job(tmp_path_factory) -> inputs.Inputs:
    return inputs.read(report_workdir.write(tmp_path_factory.mktemp("study")))


def test_a_study_is_one_page_with_all_its_parts(example, job, tmp_path):
    index = study.write(example, job, tmp_path / "report")
    text = index.read_text()
    for words in (
        "not separable from database",
        "The reference&#39;s own comparison",
        "not survived",
        "What was matched",
        "5.0% [2.7%, 9.0%]",
        "30/40",
        "p = .010",
    ):
        assert words in text, words
    names = {path.stem for path in (index.parent / "figures").iterdir()}
    assert names == {
        "arms_forest",
        "differences_forest",
        "controls_forest",
        "au_prevalence",
        "au_difference",
        "calibration",
    }


def test_names_of_figures_and_tables_are_unique(example, job):
    page = study.build(example, job)
    for parts in (list(page.figures()), list(page.tables())):
        names = [part.name for part in parts]
        assert len(names) == len(set(names)) > 4


def test_what_was_not_run_is_absent_or_said(example, job):
    bare = dataclasses.replace(
        example,
        prevalence=None,
        au_comparison=None,
        calibration=None,
        controls=[],
        control_estimates=ROWS.iloc[:0],
    )
    page = study.build(bare, job)
    assert not {"action-units", "calibration"} & {section.anchor for section in page.sections}
    (section,) = (s for s in page.sections if s.anchor == "controls")
    assert section.blocks == [Prose(["No control was run."])]
