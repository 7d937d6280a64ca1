"""Trained models from Python, on the session's small work directory."""

import warnings

import cv2
import drawn_films
import numpy as np
import pytest

import ethnicmer_jax as em
from ethnicmer_jax.base import predictions
from ethnicmer_jax.data import dataset

KEY = ["database", "subject", "clip"]
pytestmark = [
    pytest.mark.filterwarnings("ignore::ethnicmer_jax.HeldOutWarning"),
    pytest.mark.filterwarnings("ignore::ethnicmer_jax.CaveatWarning"),
]


@pytest.fixture(scope="module")
def model(trained_workdir):
    return em.load(trained_workdir)


@pytest.fixture(scope="module")
def clips(trained_workdir):
    return em.open_database(trained_workdir)


@pytest.fixture(scope="module")
def strange(clips):
    """Flow of nobody in the database."""
    rng = np.random.default_rng(0)
    return (clips.flow[:3] + rng.normal(size=clips.flow[:3].shape)).astype(np.float32)


def test_it_says_what_it_is(model):
    assert model.classes == ("negative", "positive", "surprise")
    assert 0 <= model.expected.uf1.mean <= 1
    assert "1 final and 4 held-out models" in repr(model)


def test_subjects_of_the_database_have_the_probabilities_of_their_held_out_models(
    model, clips, trained_workdir
):
    """Bit for bit those of predictions.csv: no test clip teaches."""
    table = model.predict(clips)
    held_out = predictions.read(trained_workdir / "predictions.csv").table
    both = table.merge(held_out, on=KEY, suffixes=("", "_known"), validate="one_to_one")
    assert len(both) == len(table) == len(clips)
    for name in model.classes:
        assert (both[f"p_{name}"] == both[f"p_{name}_known"]).all()
    assert table["predicted_by"].str.contains("hold this person out").all()


def test_that_they_are_held_out_is_said_once(trained_workdir, clips, strange):
    fresh = em.load(trained_workdir)
    with warnings.catch_warnings():
        warnings.simplefilter("error", em.HeldOutWarning)
        fresh.predict(strange)
        with pytest.raises(em.HeldOutWarning, match="did not teach"):
            fresh.predict(clips)
        fresh.predict(clips)


def test_what_limits_every_probability_is_in_each_row_and_said_once(trained_workdir):
    drawn = np.stack(drawn_films.clips()[0].motion.read())
    fresh = em.load(trained_workdir)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", em.CaveatWarning)
        whole = fresh.predict(drawn, apex="1")
        fresh.predict(drawn, apex="1")
    texts = [str(one.message) for one in said if one.category is em.CaveatWarning]
    assert sorted(text.split()[0] for text in texts) == ["frames", "the"]
    assert all(text in whole["notes"].iloc[0] for text in texts)
    cropped = fresh.predict(drawn, apex="1", detector="retinaface")
    assert "frames are taken whole" not in cropped["notes"].iloc[0]
    assert cropped["p_negative"].iloc[0] != whole["p_negative"].iloc[0]


def test_pixels_of_the_database_are_known_under_any_name(trained_workdir, clips):
    fresh = em.load(trained_workdir)
    with pytest.warns(em.HeldOutWarning, match="1 of 1 clips"):
        table = fresh.predict(clips.flow[:1])
    assert table["p_negative"].iloc[0] == fresh.predict(clips.select([0]))["p_negative"].iloc[0]


def test_flow_of_strangers_is_predicted_by_the_final_model(model, strange):
    table = model.predict(strange)
    assert table["clip"].tolist() == ["000000", "000001", "000002"]
    assert table["predicted_by"].str.contains("final model").all()
    assert np.allclose(table[[f"p_{name}" for name in model.classes]].sum(axis=1), 1)
    assert table["ethnicity"].tolist() == ["Unknown"] * 3
    assert model.predict(list(strange)).equals(table)
    assert table.attrs["expected"] == str(model.expected)


def test_more_than_a_block_of_clips_keep_their_order(model, strange):
    many = np.concatenate([strange] * 12)
    table = model.predict(many)
    assert np.allclose(table["p_negative"][:3], model.predict(strange)["p_negative"], atol=1e-6)
    assert table["clip"].is_monotonic_increasing
    assert len(table) == 36


def test_every_model_and_features_have_a_row_each(model, clips):
    every = model.predict(clips, every_model=True)
    assert set(every["run"]) == {"loso-seed0"}
    assert (every["fold"] == every["database"] + "-" + every["subject"]).all()
    features = model.features(clips)
    assert features[KEY].values.tolist() == every[KEY].values.tolist()
    assert features.filter(like="f_").shape[1] > 2


def test_maps_are_shares_of_the_face(model, clips):
    found = model.explain(clips.select([0, 5]))
    assert found.maps.shape == (2, 28, 28)
    assert np.allclose(found.maps.sum((1, 2)), 1)
    assert (
        found.table["predicted"].tolist()
        == model.predict(clips.select([0, 5]))["predicted"].tolist()
    )


def test_folders_of_frames_go_the_way_of_predict(model, clips, tmp_path):
    framed = em.open_database(clips.path, frames=True)
    for number, image in enumerate([framed.onset_image[0], framed.apex_image[0]]):
        cv2.imwrite(str(tmp_path / f"{number}.png"), image[:, :, ::-1])
    table = model.predict(tmp_path, onset="0", apex="1")
    assert table[["onset", "apex"]].values.tolist() == [[0, 1]]
    assert table["predicted_by"].iloc[0].startswith("predicted by 1 final model")
    frames = np.stack([framed.onset_image[0], framed.apex_image[0]])
    same = model.predict(frames, onset="0", apex="1")
    assert same["p_negative"].iloc[0] == table["p_negative"].iloc[0]


def test_what_cannot_be_predicted_is_a_warning_beside_what_can(model, clips, tmp_path):
    with pytest.warns(em.UnusableClipWarning, match=r"no\.mp4"):
        table = model.predict([tmp_path / "no.mp4", clips.path])
    assert len(table) == len(clips)
    assert len(table.attrs["failures"]) == 1


@pytest.mark.parametrize(
    ("inputs", "options", "says"),
    [
        ("no.mp4", {}, r"no\.mp4"),
        ([], {}, "at least one"),
        (np.zeros((0, 28, 28, 3), np.float32), {}, "n > 0"),
        (np.zeros((2, 28, 28, 2), np.float32), {}, "float"),
        (np.ones((2, 20, 20, 3), np.float32), {}, "20 px"),
        (np.full((2, 28, 28, 3), np.nan, np.float32), {}, "finite"),
        (np.full((2, 28, 28, 3), 1e300), {}, "finite"),
        (np.ones((2, 28, 28, 3), np.float16), {}, "float16; give it as it was"),
        ([np.ones((28, 28, 3)), np.ones((20, 20, 3))], {}, "one size"),
        (np.ones((2, 28, 28, 3), np.float32), {"unit": "px"}, "percent_of_width"),
        (np.ones((2, 28, 28, 3), np.float32), {"apex": "3"}, "apex"),
        (np.ones((2, 28, 28, 3), np.float32), {"ethnicity": "Martian"}, "Martian"),
    ],
)
def test_what_cannot_be_asked_is_one_line(model, inputs, options, says):
    with pytest.raises(em.UserError, match=says) as refusal:
        model.predict(inputs, **options)
    assert "\n" not in str(refusal.value)


def test_a_directory_without_models_is_refused(tmp_path):
    with pytest.raises(em.UserError, match="holds no job"):
        em.load(tmp_path)


def test_records_of_clips_make_the_same_clips(clips):
    again = dataset.from_records(dataset.records(clips.dataset))
    assert (again.key == clips.dataset.key).all()
    assert np.array_equal(again.flow, clips.flow)
    assert again.action_units == clips.dataset.action_units
    assert np.array_equal(again.frames, clips.dataset.frames)
    assert again.extra == clips.dataset.extra


NO_PLACES = (5, None, b"runs", 1.5, "")


@pytest.mark.parametrize("value", NO_PLACES)
@pytest.mark.parametrize(
    "asked",
    [
        em.load,
        em.predictions,
        em.open_database,
        lambda value: em.config(value),
        lambda value: em.run(value, "runs/x"),
        lambda value: em.run("smoke", value),
        lambda value: em.compare(value, value),
    ],
)
def test_what_is_no_path_is_refused_in_one_line(asked, value):
    with pytest.raises(em.UserError, match="give a path") as refused:
        asked(value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("inputs", [None, 5, b"film.avi", {"a": 1}, [3], ["film.avi", None]])
def test_what_is_no_input_is_refused_in_one_line(model, inputs):
    with pytest.raises(em.UserError, match="cannot be predicted: give a path"):
        model.predict(inputs)


@pytest.mark.parametrize("coded", ["onset", "apex", "offset"])
@pytest.mark.parametrize("value", [1.5, None, [None], True, "-1", "nan", -1])
def test_what_is_no_frame_is_refused_in_one_line(model, coded, value):
    with pytest.raises(em.UserError, match=f"{coded}=.* is no frame: give a number"):
        model.predict("film.avi", **{coded: value})


@pytest.mark.parametrize("value", [0.0, 0.25])
def test_flow_that_stands_still_is_no_motion(model, value):
    with pytest.raises(em.UserError, match="no motion"):
        model.predict(np.full((1, 28, 28, 3), value, np.float32), unit="normalised")


@pytest.mark.parametrize(
    ("unit", "scale", "said"),
    [("normalised", 2.0, "is in .0, 1."), ("normalised", -1.0, "is in"),
     ("percent_of_width", 255.0, "leaves the face")],
)  # fmt: skip
def test_flow_of_another_unit_is_refused(model, unit, scale, said):
    flow = scale * np.linspace(0, 1, 28 * 28 * 3, dtype=np.float32).reshape(1, 28, 28, 3)
    with pytest.raises(em.UserError, match=said):
        model.predict(flow, unit=unit)
