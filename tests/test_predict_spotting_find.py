"""From the frames of a recording to candidates, the whole way."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from data_builders.pixels.faces import FaceNotFound
from data_builders.simulation import recording, scenario
from data_builders.simulation.options import SimulatedOptions, parse_cohorts
from ethnicmer_jax.predict.spotting import find as finding
from ethnicmer_jax.predict.spotting import score, windows
from ethnicmer_jax.predict.spotting.find import find

FPS = 25.0


def film(micro: int, seconds: float):
    options = SimulatedOptions(cohorts=parse_cohorts("sim:White:1"), fps=FPS, seed=4, head_sway=1)
    subject = next(scenario.draw_subjects(options))
    return recording.draw(options, subject, seconds, micro)


@pytest.fixture(scope="module")
def shot():
    """A recording with two micro-expressions, and its frames."""
    spec = film(2, 7.0)
    return spec, np.stack([recording.shoot(spec, n, 1.5) for n in range(len(spec))])


def written(path, frames, fps=FPS):
    height, width = frames.shape[1:3]
    code = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), code, fps, (width, height))
    for frame in frames:
        writer.write(frame[..., ::-1])
    writer.release()
    return path


def spans(spotted):
    return [(one.onset, one.offset) for one in spotted.intervals]


def test_known_micro_expressions_are_found_in_a_video(shot, tmp_path):
    spec, frames = shot
    spotted = find(written(tmp_path / "film.avi", frames))
    assert spotted.fps == pytest.approx(FPS)
    counts = score.count(spans(spotted), spec.intervals)
    assert (counts.true_positives, counts.false_positives) == (2, 0)
    assert spotted.unseen == 0


def test_nothing_is_found_where_nothing_happens_and_gaps_are_no_crash(shot):
    _, frames = shot
    still = np.concatenate([frames[:1]] * 75)  # three seconds of a photograph
    assert find(still, FPS).intervals == ()
    away = still.copy()
    away[25:50] = 0
    spotted = find(away, FPS)
    assert spotted.intervals == ()
    assert spotted.unseen > 0.5
    with pytest.raises(FaceNotFound, match="no face"):
        find(np.zeros_like(still), FPS)


def test_a_folder_of_frames_keeps_its_numbers(shot, tmp_path):
    _, frames = shot
    for number, frame in enumerate(frames[:30]):
        cv2.imwrite(str(tmp_path / f"img{100 + number}.png"), frame[..., ::-1])
    assert list(find(tmp_path, FPS).numbers) == list(range(100, 130))


def test_what_cannot_be_looked_at_is_refused(shot):
    _, frames = shot
    with pytest.raises(ValueError, match="frame rate is unknown"):
        find(frames)
    with pytest.raises(ValueError, match="at least 20"):
        find(frames, 12.0)
    with pytest.raises(ValueError, match=r"nothing can be told .* 0\.34 s"):
        find(frames[:5], FPS)
    with pytest.raises(ValueError, match="of one size"):
        windows.read([(0, frames[0]), (1, frames[0][:300])], FPS)


def test_only_the_crops_of_two_windows_are_held(shot, monkeypatch):
    _, frames = shot
    held = []
    advanced = windows._advanced

    def watched(opened, *rest):
        held.append(sum(len(window.crops) for window in opened))
        return advanced(opened, *rest)

    monkeypatch.setattr(windows, "_advanced", watched)
    windows.read(enumerate(np.concatenate([frames[:50]] * 4)), FPS)
    assert max(held) <= 3 * FPS


def test_frames_between_the_steps_of_a_video_are_not_decoded(shot, tmp_path):
    _, frames = shot
    path = written(tmp_path / "fast.avi", frames[:40], fps=200.0)
    assert list(find(path, options=finding.SpotOptions(half=0.05)).numbers) == list(range(0, 40, 4))


def test_a_recording_that_is_not_there_is_said_to_be_so(tmp_path):
    with pytest.raises(ValueError, match=r"there is no video or folder .*missing\.avi"):
        find(tmp_path / "missing.avi")
