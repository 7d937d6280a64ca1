import dataclasses
import functools
import hashlib
import importlib.util
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from onnx import TensorProto
from onnx_models import mean_colour_model
from scipy.special import softmax

from data_builders.ethnicity.fairface import FairFace, decade
from data_builders.ethnicity.frame_annotator import FrameAnnotator, Judgement
from data_builders.ethnicity.onnx_classifier import OnnxClassifier, OnnxSpec
from data_builders.pixels.faces import FaceOptions, crop_pair
from data_builders.simulation.drawing import draw_face
from data_builders.simulation.people import draw_person
from data_builders.sources.base import ClipTask, FlowFile
from ethnicmer_jax.base.schema import ClipLabels, UserError

CLASSES = ("White", "Black", "East Asian", "Southeast Asian")
WEIGHT = np.array([[4.0, -3.0, 1.0, 0.5], [2.0, -2.0, 0.0, 1.0], [1.0, -1.0, 2.0, 0.0]])
BIAS = np.array([-1.0, 2.0, 0.3, 0.1])


@dataclasses.dataclass(frozen=True)
class _Frames:
    """A `FrameReader` over arrays."""

    onset: np.ndarray
    apex: np.ndarray

    def read(self):
        return self.onset, self.apex


@functools.cache
def _drawn(ethnicity: str) -> np.ndarray:
    return draw_face(draw_person(np.random.default_rng(7), ethnicity, 1.0))


def _task(motion, clip="c1"):
    return ClipTask(ClipLabels("db", "s1", clip, "negative", "disgust"), motion)


def _model(tmp_path, **options):
    return mean_colour_model(tmp_path / "model.onnx", WEIGHT, BIAS, **options)


@pytest.fixture
def face():
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def _expected(face, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4)):
    """White, Black, Asian, Indian, Others by the model's own formula, without ONNX."""
    colour = ((face / 255 - mean) / std).mean((0, 1))
    white, black, east, southeast = softmax(colour @ WEIGHT + BIAS)
    return [white, black, east + southeast, 0, 0]


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (1, 32, 32, 3)], ids=["NCHW", "NHWC"])
def test_an_onnx_model_is_normalised_run_and_summed(tmp_path, face, shape):
    spec = OnnxSpec(_model(tmp_path, shape=shape), CLASSES, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    classifier = OnnxClassifier(spec)
    assert classifier.size == 32
    np.testing.assert_allclose(classifier.judge(face).probabilities, _expected(face), atol=1e-5)


def test_a_model_that_gives_probabilities_gets_no_second_softmax(tmp_path, face):
    plain = OnnxClassifier(OnnxSpec(_model(tmp_path), CLASSES))
    before = plain.judge(face)
    already = OnnxSpec(_model(tmp_path, softmax=True), CLASSES, scores="probabilities")
    after = OnnxClassifier(already).judge(face)
    np.testing.assert_allclose(after.probabilities, before.probabilities, atol=1e-5)


def test_a_model_of_free_size_gets_224_px(tmp_path):
    path = _model(tmp_path, shape=("batch", 3, "height", "width"))
    assert OnnxClassifier(OnnxSpec(path, CLASSES)).size == 224


@pytest.mark.parametrize(
    ("model", "spec", "message"),
    [
        ({}, {"classes": CLASSES[:3]}, "4.*but 3 classes are named"),
        ({}, {"classes": ("White", "Black", "Asian", "Elf")}, "Elf"),
        ({}, {"scores": "probabilities"}, "name its scores logits"),
        ({}, {"scores": "votes"}, "scores are one of"),
        ({}, {"std": (1, 1, 0)}, "std above 0"),
        ({}, {"mean": (0.5,)}, "three numbers"),
        ({"shape": (1, 3, 32, 48)}, {}, "crops are square"),
        ({"kind": TensorProto.UINT8}, {}, "not float"),
    ],
)
def test_a_model_and_a_description_that_do_not_fit_are_user_errors(tmp_path, model, spec, message):
    path = _model(tmp_path, **model)
    with pytest.raises(UserError, match=message):
        OnnxClassifier(OnnxSpec(**{"path": path, "classes": CLASSES} | spec))


def test_a_missing_or_broken_model_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="there is no ONNX file"):
        OnnxClassifier(OnnxSpec(tmp_path / "none.onnx", CLASSES))
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(_model(tmp_path).read_bytes()[:60])
    with pytest.raises(UserError, match="cannot be read as an ONNX model"):
        OnnxClassifier(OnnxSpec(broken, CLASSES))


def test_a_vote_is_the_mean_of_onset_and_apex(tmp_path):
    classifier = OnnxClassifier(OnnxSpec(_model(tmp_path), CLASSES))
    onset = _drawn("White")
    apex = (onset * 0.6).astype(np.uint8)
    (vote,) = FrameAnnotator(classifier, [_task(_Frames(onset, apex))]).votes()
    crops = crop_pair(onset, apex, FaceOptions(size=32, margin=0.25, whole_head=True))
    judged = [classifier.judge(crop).probabilities for crop in (crops.onset, crops.apex)]
    assert judged[0] != pytest.approx(judged[1], abs=0.01)
    assert vote.probabilities == pytest.approx(np.mean(judged, axis=0))
    assert (vote.key, vote.annotator) == ("db/s1/c1", "onnx")


def test_a_clip_that_cannot_be_judged_is_a_failed_vote_and_stops_nobody(tmp_path):
    classifier = OnnxClassifier(OnnxSpec(_model(tmp_path), CLASSES))
    face, empty = _drawn("Asian"), np.full((200, 200, 3), 90, np.uint8)
    annotator = FrameAnnotator(
        classifier,
        [
            _task(_Frames(empty, empty), "empty"),
            _task(FlowFile(pathlib.Path("flow.png")), "flow"),
            _task(_Frames(face, face[:-1]), "sizes"),
            _task(_Frames(face, face), "good"),
        ],
    )
    assert len(annotator) == 4
    errors = {vote.clip: vote.error for vote in annotator.votes()}
    assert "no face" in errors["empty"]
    assert "comes as flow" in errors["flow"]
    assert "differ in size" in errors["sizes"]
    assert errors["good"] == ""


class _AgeOfBrightness:
    """A classifier whose age tells the frames apart."""

    name, size, margin = "made-up", 64, 0.1

    def judge(self, face):
        return Judgement((0.2,) * 5, int(face.mean() // 32), "female")


def test_age_and_gender_are_those_seen_at_onset():
    onset, apex = np.full((80, 80, 3), 70, np.uint8), np.full((80, 80, 3), 200, np.uint8)
    task = _task(_Frames(onset, apex))
    (vote,) = FrameAnnotator(_AgeOfBrightness(), [task], detector="none").votes()
    assert (vote.age_decade, vote.gender) == (2, "female")


@pytest.mark.parametrize(
    ("group", "expected"), [("0-2", 0), ("3-9", 0), ("10-19", 1), ("60-69", 6), ("70+", 7)]
)
def test_age_groups_begin_in_a_decade(group, expected):
    assert decade(group) == expected


def test_fairface_without_uniface_says_which_extra_to_install():
    # A process whose only difference is that uniface cannot be imported.
    code = (
        "import sys; sys.modules['uniface'] = None\n"
        "from data_builders.ethnicity.fairface import FairFace\n"
        "from ethnicmer_jax.base.schema import UserError\n"
        "try: FairFace()\n"
        "except UserError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "ethnicmer_jax[fairface]" in done.stdout


needs_uniface = pytest.mark.skipif(
    importlib.util.find_spec("uniface") is None, reason="the extra [fairface] is not installed"
)


@needs_uniface
def test_fairface_offline_and_without_weights_is_a_user_error(tmp_path, monkeypatch):
    monkeypatch.setenv("UNIFACE_CACHE_DIR", str(tmp_path))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the discard port: nobody answers
    with pytest.raises(UserError, match="not cached and cannot be fetched"):
        FairFace()


@needs_uniface
def test_fairface_uses_cached_weights_and_sums_its_races(tmp_path, monkeypatch):
    """A small model with FairFace's three outputs stands in for its 85 MB of weights."""
    import onnx
    from onnx import helper
    from uniface import constants

    weights = _fairface_like(onnx, helper, tmp_path / "fairface.onnx")
    default = constants.FairFaceWeights.DEFAULT
    known = dataclasses.replace(
        constants.MODEL_REGISTRY[default], sha256=hashlib.sha256(weights).hexdigest()
    )
    monkeypatch.setitem(constants.MODEL_REGISTRY, default, known)
    monkeypatch.setenv("UNIFACE_CACHE_DIR", str(tmp_path))
    judgement = FairFace().judge(np.full((224, 224, 3), 128, np.uint8))
    races = softmax([1.0, 0.5, 0.2, 2.0, 1.5, 0.1, 0.3])
    expected = [races[0], races[1], races[3] + races[4], races[5], races[2] + races[6]]
    np.testing.assert_allclose(judgement.probabilities, expected, atol=1e-6)
    assert (judgement.age_decade, judgement.gender) == (3, "female")


def _fairface_like(onnx, helper, path) -> bytes:
    """Constant race, gender and age logits (female, 30-39), whatever the image."""
    logits = {
        "race": [1.0, 0.5, 0.2, 2.0, 1.5, 0.1, 0.3],
        "gender": [0.0, 1.0],
        "age": [0.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0],
    }
    nodes, outputs = [], []
    for name, values in logits.items():
        constant = helper.make_tensor(name + "_", TensorProto.FLOAT, [1, len(values)], values)
        nodes.append(helper.make_node("Constant", [], [name], value=constant))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, len(values)]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 224, 224])
    graph = helper.make_graph(nodes, "fairface_like", [image], outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path.read_bytes()
