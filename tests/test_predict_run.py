"""Predictions of clips: those of the database, bit for bit, and everything beside them."""

import dataclasses
import json

import cv2
import drawn_films
import numbered_videos
import numpy as np
import own_films
import pandas as pd
import pytest

from data_builders.database.ensure import ensure
from ethnicmer_jax import inference
from ethnicmer_jax.base import predictions
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import preparation
from ethnicmer_jax.predict import inputs, output, pixels, program
from ethnicmer_jax.predict.program import How
from ethnicmer_jax.predict.recordings import Cut
from ethnicmer_jax.predict.request import Request
from ethnicmer_jax.predict.run import build_options, run

P = ["p_negative", "p_positive", "p_surprise"]


@pytest.fixture(scope="module")
def trained(trained_workdir):
    return inference.open(trained_workdir)


@pytest.fixture(scope="module")
def database(trained):
    """The built database that the networks were trained on."""
    return preparation.built(trained.config)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Two drawn films: a folder of PNG files each, and a video of the first."""
    folder = tmp_path_factory.mktemp("films")
    options = dataclasses.replace(drawn_films.OPTIONS, clips_per_subject=1.0)
    tasks = drawn_films.clips(options)[:2]
    for name, task in zip("ab", tasks, strict=True):
        drawn_films.in_files(task, folder / name)
        for path in (folder / name).iterdir():
            # The networks' own database has no detector, for frames that come cropped.
            cv2.imwrite(str(path), cv2.imread(str(path))[own_films.FACE])
    frames = [cv2.imread(str(path))[..., ::-1] for path in sorted((folder / "a").iterdir())]
    numbered_videos.write(folder / "a.avi", codec="MJPG", frames=frames)
    return folder


@pytest.fixture(scope="module")
def predicted(trained, films):
    given = [films / "a", films / "b", films / "a.avi"]
    return run(trained, Request(given))


def probabilities(outcomes):
    return outcomes.each[P].to_numpy(np.float32)


def test_a_built_database_is_predicted_by_held_out_networks_as_in_training(
    trained, trained_workdir, database
):
    outcomes = run(trained, Request([database]))
    assert outcomes.failures == ()
    expected = predictions.read(trained_workdir / "predictions.csv").table
    keys = ["run", "fold", "database", "subject", "clip"]
    both = expected.merge(outcomes.each, on=keys, suffixes=("", "_again"))
    assert len(both) == len(expected) == len(outcomes.each)
    for name in P:
        assert np.array_equal(both[name].to_numpy(), both[f"{name}_again"].to_numpy()), name
    assert all("hold this person out" in line for line in outcomes.networks)


def test_files_of_any_kind_have_the_probabilities_of_a_database_built_from_them(
    trained, films, predicted, tmp_path
):
    """The same frames by three ways: a database, its manifest, and each file by itself."""
    table = tmp_path / "manifest.csv"
    rows = [f"own,x,{name},others,{films / name}" for name in ("a", "b", "a.avi")]
    table.write_text("\n".join(["database,subject,clip,emotion,frames", *rows]) + "\n")
    options = dataclasses.replace(build_options(trained.config), workers=1)
    built = ensure("manifest", str(table), tmp_path / "data", options, allow_outside=True)
    by_database, by_manifest = (
        run(trained, Request([path], allow_outside=True)) for path in (built, table)
    )
    order = [list(by_database.each["clip"]).index(name) for name in ("a", "b", "a.avi")]
    expected = probabilities(by_database)
    assert np.array_equal(probabilities(by_manifest)[order], expected[order])
    own = dict(zip(predicted.each["input"], probabilities(predicted), strict=True))
    for position, name in zip(order, ("a", "b", "a.avi"), strict=True):
        assert np.array_equal(own[str(films / name)], expected[position]), name


def test_apexes_are_found_with_their_curve_or_coded(trained, films, predicted):
    assert list(predicted.table["apex_source"]) == ["found"] * 3
    for clip in predicted.seen:
        assert clip.found.number == clip.record.labels.apex
        assert len(clip.found.curve) == len(clip.found.numbers)
    apex = int(predicted.table["apex"][0])
    coded = run(trained, Request([films / "a"], apex=[str(apex)]))
    assert coded.table["apex_source"][0] == "coded"
    assert np.array_equal(probabilities(coded)[0], probabilities(predicted)[0])


def test_mean_and_spread_are_over_the_networks(trained, films):
    """All models of held-out folds but the final one: of a stranger, as of an older directory."""
    outcomes = run(trained, Request([films / "a"]))
    several = pd.concat([outcomes.each, outcomes.each.assign(**{P[0]: 0.5, P[1]: 0.1, P[2]: 0.4})])
    from ethnicmer_jax.predict.outcomes import table_of

    note = {outcomes.seen[0].record.labels.key: "two networks"}
    (row,) = table_of(outcomes.seen, several, outcomes.classes, note).to_dict("records")
    p = several[P].to_numpy(float)
    for i, name in enumerate(outcomes.classes):
        assert row[f"p_{name}"] == pytest.approx(p[:, i].mean())
        assert row[f"sd_{name}"] == pytest.approx(p[:, i].std(ddof=1))
        assert (row[f"min_{name}"], row[f"max_{name}"]) == (p[:, i].min(), p[:, i].max())
    assert row["networks"] == 2
    assert row["predicted"] == outcomes.classes[p.mean(axis=0).argmax()]


def test_a_stranger_has_the_final_model_and_a_person_of_the_database_never(trained, films):
    assert "final model" in run(trained, Request([films / "b"])).networks[0]
    known = sorted(trained.members[0].taught)[0]
    outcomes = run(trained, Request([films / "b"], person=known))
    assert not outcomes.each["final"].any()
    assert known in outcomes.networks[0]


def test_the_ethnicity_is_unknown_unless_it_is_told(trained_embed_workdir, films):
    trained = inference.open(trained_embed_workdir)
    silent = run(trained, Request([films / "a"]))
    told = run(trained, Request([films / "a"], ethnicity="asian"))
    assert (silent.table["ethnicity"][0], told.table["ethnicity"][0]) == ("Unknown", "Asian")
    assert np.isfinite(probabilities(silent)).all()


def test_what_cannot_be_predicted_is_one_line_each_and_the_code_says_so(
    trained_workdir, films, tmp_path, capsys
):
    still = numbered_videos.write(
        tmp_path / "still.avi", codec="MJPG", frames=[numbered_videos.frame(3)] * 8
    )
    wrong = [str(tmp_path / "gone.mp4"), str(still)]
    folder = tmp_path / "out"
    assert program.run(trained_workdir, Request([*wrong, films / "a"]), How(folder)) == 1
    printed = capsys.readouterr()
    assert printed.err.count("not predicted: ") == 2
    assert "no motion" in printed.err
    assert "expected: " in printed.out
    assert "Responsible use" in printed.out
    table = pd.read_csv(folder / output.CLIPS)
    assert list(table["error"].isna()) == [True, False, False]
    assert program.run(trained_workdir, Request(wrong), How(tmp_path / "none")) == 2
    assert not (tmp_path / "none").exists()


def test_files_and_json_say_the_same(trained_workdir, films, tmp_path, capsys):
    how = How(tmp_path / "out", as_json=True)
    assert program.run(trained_workdir, Request([films / "a", films / "b"]), how) == 0
    values = json.loads(capsys.readouterr().out)
    assert values == json.loads((tmp_path / "out" / output.SUMMARY).read_text())
    clips = pd.read_csv(tmp_path / "out" / output.CLIPS)
    assert values["simulated"]
    assert "Responsible use" in values["responsible_use"]
    assert clips["notes"].str.contains("drawn").all()
    models = pd.read_csv(tmp_path / "out" / output.MODELS)
    assert len(models) == clips["networks"].sum()
    for clip, row in zip(values["clips"], clips.to_dict("records"), strict=True):
        assert clip["probabilities"]["negative"]["mean"] == pytest.approx(row["p_negative"])
        assert len(clip["apex_curve"]["frames"]) == len(clip["apex_curve"]["motion"])
        assert clip["offset"] is None or clip["offset"] >= 0
    with pytest.raises(UserError, match="--overwrite"):
        program.run(trained_workdir, Request([films / "a"]), how)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match="holds no predictions"):
        program.run(trained_workdir, Request([films / "a"]), How(tmp_path / "mine", overwrite=True))


def test_a_page_shows_frames_motion_map_and_curve_of_each_clip(trained_workdir, films, tmp_path):
    how = How(tmp_path / "out", report=True)
    program.run(trained_workdir, Request([films / "a"]), how)
    page = (tmp_path / "out" / "index.html").read_text()
    for name in ("frames_1", "motion_1", "curve_1"):
        assert (tmp_path / "out" / "figures" / f"{name}.png").is_file()
    assert "under these networks" in page
    assert "feels, intends or is" in page
    assert "frames are taken whole, as they come" in page
    assert "RetinaFace" not in page
    assert page.count("data:image/svg+xml") == 3


def test_a_directory_without_networks_is_refused(tmp_path, films):
    with pytest.raises(UserError, match="no job"):
        program.run(tmp_path, Request([films / "a"]), How())


def test_several_faces_are_told_and_the_largest_central_one_is_taken(trained):
    drawn = drawn_films.clips()[0].motion

    def beside(image):
        small = cv2.resize(image, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
        below = cv2.copyMakeBorder(
            small, 0, image.shape[0] - small.shape[0], 0, 0, cv2.BORDER_REPLICATE
        )
        return np.concatenate([image, below], axis=1)

    images = np.stack([beside(frame) for frame in drawn.read()])
    outcomes = run(trained, Request([images], detector="retinaface"))
    assert "2 faces in the onset frame: took the largest central one" in outcomes.table["notes"][0]


def test_no_face_and_no_motion_have_their_own_reasons(trained):
    options = build_options(trained.config, "retinaface")
    grey = np.full((4, 120, 120, 3), 127, np.uint8)
    (clip,) = inputs.read(Request([grey])).clips
    (failure,) = pixels.see([clip], options)
    assert "no face in the onset frame" in str(failure)
    (failure,) = pixels.see([clip], build_options(trained.config))
    assert "no motion" in str(failure)


def test_what_is_known_of_a_part_of_a_recording_is_told(trained, films):
    def cutter(recording):
        return [Cut(notes=("candidate 1",))]

    outcomes = run(trained, Request([films / "a"], cutter=cutter))
    assert outcomes.table["notes"][0].startswith("candidate 1")


def test_frames_that_differ_from_what_taught_the_networks_are_noted(trained, films, database):
    whole = run(trained, Request([films / "a"]))
    assert any("frames are taken whole" in note for note in whole.notes)
    assert run(trained, Request([database])).notes == ()


def test_a_database_built_otherwise_is_noted(trained, database):
    other = run(trained, Request([database], detector="retinaface"))
    assert any("detector=none" in note for note in other.notes)
