"""Candidates of recordings as clips of `predict`: files, page, terminal."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest

from data_builders.simulation import recording, scenario
from data_builders.simulation.options import SimulatedOptions, parse_cohorts
from ethnicmer_jax.predict import program
from ethnicmer_jax.predict.program import How
from ethnicmer_jax.predict.recordings import Held
from ethnicmer_jax.predict.request import Request
from ethnicmer_jax.predict.spotting import page, tables, words
from ethnicmer_jax.predict.spotting.intervals import Interval, Spotted
from ethnicmer_jax.predict.spotting.spotter import Spotter

FPS = 25.0


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A video with one micro-expression of known frames, and one without."""
    options = SimulatedOptions(cohorts=parse_cohorts("sim:White:1"), fps=FPS, seed=9)
    subject = next(scenario.draw_subjects(options))
    spec = recording.draw(options, subject, 3.6, 1)
    frames = [recording.shoot(spec, n, 1.5) for n in range(len(spec))]
    folder = tmp_path_factory.mktemp("recordings")
    for name, shown in {"one.avi": frames, "none.avi": frames[:20] * 4}.items():
        code = cv2.VideoWriter_fourcc(*"MJPG")
        writer = cv2.VideoWriter(str(folder / name), code, FPS, frames[0].shape[:2])
        for frame in shown:
            writer.write(frame[..., ::-1])
        writer.release()
    return folder, spec


def spotted(**changes):
    numbers = np.arange(10, 110)
    curve = np.ones(100)
    curve[40:45] = 12
    curve[:10] = np.nan
    found = {"intervals": (Interval(48, 52, 57, 12.0),), "numbers": numbers, "curve": curve}
    return Spotted(**{**found, "threshold": 8.0, "fps": 50.0, **changes})


def test_candidates_are_predicted_and_written_with_their_seconds(
    trained_workdir, film, tmp_path, capsys
):
    folder, spec = film
    request = Request([folder / "one.avi"], cutter=Spotter(), detector="retinaface")
    assert program.run(trained_workdir, request, How(tmp_path / "out", report=True)) == 0
    rows = pd.read_csv(tmp_path / "out" / tables.INTERVALS)
    ((onset, offset),) = spec.intervals
    assert len(rows) == 1
    assert abs(rows.onset[0] - onset) <= 1
    assert abs(rows.offset[0] - offset) <= 2
    assert rows.apex_s[0] == pytest.approx(rows.apex[0] / FPS)
    predicted = pd.read_csv(tmp_path / "out" / "predictions.csv")
    assert predicted[["onset", "apex", "offset"]].to_numpy().tolist() == (
        rows[["onset", "apex", "offset"]].to_numpy().tolist()
    )
    assert "a candidate interval, score" in predicted.notes[0]
    curve = pd.read_csv(tmp_path / "out" / tables.CURVES)
    assert len(curve) == len(spec)
    assert curve.score.idxmax() == pytest.approx(rows.apex[0], abs=1)
    html = (tmp_path / "out" / "index.html").read_text()
    assert "Candidate intervals" in html
    assert words.worth() in capsys.readouterr().out


def test_a_recording_without_candidate_is_an_answer_and_no_error(
    trained_workdir, film, tmp_path, capsys
):
    request = Request([film[0] / "none.avi"], cutter=Spotter(), detector="retinaface")
    assert program.run(trained_workdir, request, How(tmp_path / "out", report=True)) == 0
    assert len(pd.read_csv(tmp_path / "out" / tables.INTERVALS)) == 0
    assert len(pd.read_csv(tmp_path / "out" / tables.CURVES)) == 80
    printed = capsys.readouterr()
    assert "0 candidate intervals" in printed.out
    assert printed.err == ""


def test_a_recording_that_cannot_be_looked_at_is_one_line(trained_workdir, tmp_path, capsys):
    request = Request(
        [np.zeros((60, 120, 160, 3), np.uint8)], cutter=Spotter(FPS), detector="retinaface"
    )
    assert program.run(trained_workdir, request, How(tmp_path / "out")) == 2
    assert "no face was found" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_tables_of_known_candidates():
    found = {"a.mp4": spotted(), "b.mp4": spotted(intervals=())}
    (row,) = tables.intervals(found).to_dict("records")
    assert row == {
        "input": "a.mp4", "onset": 48, "apex": 52, "offset": 57,
        "onset_s": 0.76, "apex_s": 0.84, "offset_s": 0.94, "length_s": 0.18, "score": 12.0,
    }  # fmt: skip
    curves = tables.curves(found)
    assert len(curves) == 200
    assert curves.score.isna().sum() == 20
    assert words.lines(found)[0].startswith("1 candidate interval in a.mp4 (2.0 s); about 10%")


def test_a_curve_of_many_frames_is_drawn_with_its_peaks():
    seconds, score = np.arange(100_000) / 50, np.zeros(100_000)
    score[77_777] = 20
    drawn, thinned = page._thinned(seconds, score)
    assert len(drawn) <= page._POINTS
    assert max(thinned) == 20
    figure = page.curve("long.mp4", spotted(), 1)
    assert "1 candidate interval" in figure.alt
    assert "12" not in figure.name


def test_only_films_are_looked_through():
    held = Held("array", "frames", np.zeros((60, 32, 32, 3), np.uint8))
    with pytest.raises(ValueError, match="frame rate is unknown"):
        Spotter(detector="none")(held)
