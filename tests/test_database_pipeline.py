import dataclasses
import pathlib
import tracemalloc

import cv2
import numpy as np
import pytest

from data_builders.database import cache, pipeline
from data_builders.database.cache import ClipCache
from data_builders.database.pipeline import BuildOptions
from data_builders.pixels import flow, flow_file, frames
from data_builders.sources.base import ClipTask, FlowFile, FramePair
from ethnicmer_jax.base.schema import ActionUnit, ClipLabels, UserError

OPTIONS = BuildOptions(
    flow_method="dis", flow_size=8, image_size=16, crop_size=32, detector="none", workers=1
)


def pattern(shift, size=48):
    """A smooth texture, moved by `shift` pixels to the right."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    grey = 128 + 50 * np.sin((x - shift) / 4) + 50 * np.cos(y / 5)
    return np.repeat(grey[..., None], 3, 2).astype(np.uint8)


def frame_task(folder, clip="c1", apex=None):
    paths = folder / f"{clip}_onset.png", folder / f"{clip}_apex.png"
    for path, image in zip(paths, (pattern(0), pattern(1) if apex is None else apex), strict=True):
        cv2.imwrite(str(path), image)
    return task(FramePair(*paths), clip)


def flow_task(folder, clip="c1", array=None):
    path = folder / f"{clip}.npy"
    np.save(path, np.ones((8, 8, 3), np.float32) if array is None else array)
    return task(FlowFile(path), clip)


def task(motion, clip="c1"):
    labels = ClipLabels(
        database="lab",
        subject="s1",
        clip=clip,
        emotion="negative",
        raw_emotion="anger",
        action_units=(ActionUnit(4),),
        ethnicity="Black",
        extra={"site": "x"},
    )
    return ClipTask(labels, motion)


def test_frames_become_flow_and_crops(tmp_path):
    options = dataclasses.replace(OPTIONS, stabilise="none")
    record = pipeline.make_record(frame_task(tmp_path), options)
    # 1 px of 48 px to the right is 100 / 48 = 2.08 % of the width.
    assert np.median(record.flow[2:-2, 2:-2, 0]) == pytest.approx(100 / 48, rel=0.25)
    assert np.abs(np.median(record.flow[..., 1])) < 0.3
    assert record.flow_unit == "percent_of_width"
    assert record.onset_image.shape == record.apex_image.shape == (16, 16, 3)
    assert (record.labels.key, record.labels.ethnicity) == ("lab/s1/c1", "Black")
    assert record.labels.extra["site"] == "x"
    assert record.labels.extra["face_box"] == "0 0 48 48"


def test_a_picture_that_moves_as_a_whole_has_moved_the_head(tmp_path):
    record = pipeline.make_record(frame_task(tmp_path), OPTIONS)
    assert np.abs(record.flow[2:-2, 2:-2, :2]).max() < 0.2 * 100 / 48


def test_a_flow_image_is_scaled_to_one_and_has_no_frames(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "f.png"), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    record = pipeline.make_record(task(FlowFile(tmp_path / "f.png")), OPTIONS)
    np.testing.assert_array_equal(record.flow, rgb.astype(np.float32) / 255)
    assert record.flow_unit == "normalised"
    assert record.onset_image is None
    assert record.apex_image is None


def test_a_flow_image_of_another_size_is_averaged(tmp_path):
    rgb = np.zeros((16, 16, 3), np.uint8)
    rgb[::2, ::2, 0] = 200  # one of the four pixels behind each cell
    cv2.imwrite(str(tmp_path / "f.png"), rgb[..., ::-1])
    record = pipeline.make_record(task(FlowFile(tmp_path / "f.png")), OPTIONS)
    np.testing.assert_allclose(record.flow[..., 0], 50 / 255, atol=1e-6)


def test_an_array_of_pixels_becomes_percent_and_strain(tmp_path):
    y, x = np.mgrid[:8, :8].astype(np.float64)
    uv = np.stack([0.5 * x, np.zeros_like(y)], -1)  # du/dx = .5: strain .5 everywhere
    record = pipeline.make_record(flow_task(tmp_path, array=uv), OPTIONS)
    np.testing.assert_allclose(record.flow[..., 0], 0.5 * x * 100 / 8, rtol=1e-5)
    np.testing.assert_allclose(record.flow[..., 2], 0.5, rtol=1e-5)
    assert record.flow_unit == "percent_of_width"


def test_an_array_of_three_channels_is_taken_as_it_is(tmp_path):
    field = np.random.default_rng(1).normal(size=(8, 8, 3)).astype(np.float32)
    record = pipeline.make_record(flow_task(tmp_path, array=field), OPTIONS)
    np.testing.assert_array_equal(record.flow, field)


FAULTY_ARRAYS = {
    "NaN": (np.full((8, 8, 3), np.nan), "holds NaN or infinity"),
    "infinity": (np.full((8, 8, 2), np.inf), "holds NaN or infinity"),
    "too large for float32": (np.full((8, 8, 2), 1e300), "holds NaN or infinity"),
    "one channel": (np.zeros((8, 8)), r"not \[8, 8\]"),
    "channels first": (np.zeros((3, 8, 8)), r"not \[3, 8, 8\]"),
    "no pixels": (np.zeros((0, 8, 3)), r"not \[0, 8, 3\]"),
    "text": (np.array([["a"]]), "does not hold one array of numbers"),
}


@pytest.mark.parametrize(("array", "expected"), FAULTY_ARRAYS.values(), ids=FAULTY_ARRAYS)
def test_faulty_arrays_are_refused(tmp_path, array, expected):
    with pytest.raises(ValueError, match=expected):
        pipeline.make_record(flow_task(tmp_path, array=array), OPTIONS)


def test_pickled_arrays_are_never_loaded(tmp_path):
    np.save(tmp_path / "f.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(ValueError, match="does not hold one array of numbers"):
        flow_file.read(tmp_path / "f.npy", 8)


def test_files_that_are_no_flow_are_refused(tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "text.npy").write_text("flow")
    cv2.imwrite(str(tmp_path / "grey.png"), pattern(0))
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((8, 8, 3), np.uint8))
    for name in ("empty.png", "empty.npy", "text.npy", "grey.png", "black.png"):
        with pytest.raises(ValueError, match=name):
            flow_file.read(tmp_path / name, 8)


def test_processing_reports_each_clip_that_fails_and_keeps_the_rest(tmp_path):
    broken = frame_task(tmp_path, "c2")
    broken.motion.apex.write_bytes(b"no image")
    tasks = [frame_task(tmp_path, "c3"), broken, flow_task(tmp_path, "c1")]
    jobs = pipeline.jobs(tasks, OPTIONS)
    store = ClipCache(tmp_path / "cache")
    (problem,) = pipeline.process(jobs, OPTIONS, store)
    assert (problem.where, problem.fatal) == ("lab/s1/c2", True)
    good = [job for job in jobs if job.task.labels.clip != "c2"]
    assert [r.labels.clip for r in pipeline.records(good, OPTIONS, store)] == ["c1", "c3"]


def test_frames_without_a_face_are_a_problem(tmp_path):
    options = dataclasses.replace(OPTIONS, detector="retinaface")
    jobs = pipeline.jobs([frame_task(tmp_path)], options)
    (problem,) = pipeline.process(jobs, options, ClipCache(tmp_path / "cache"))
    assert problem.fatal
    assert "no face" in problem.what


@pytest.mark.parametrize(("workers", "method"), [(1, "dis"), (2, "dis"), (2, "tvl1")])
def test_records_are_the_same_by_cache_by_processes_and_directly(tmp_path, workers, method):
    options = dataclasses.replace(OPTIONS, workers=workers, flow_method=method)
    tasks = [frame_task(tmp_path, f"c{i}", pattern(i)) for i in range(3)]
    store = ClipCache(tmp_path / "cache")
    jobs = pipeline.jobs(tasks, options)
    assert pipeline.process(jobs, options, store) == ()
    for stored, clip in zip(pipeline.records(jobs, options, store), tasks, strict=True):
        direct = pipeline.make_record(clip, options)
        # Labels with NaN are equal to nobody's in Python 3.13, not even to their own.
        np.testing.assert_equal(dataclasses.asdict(stored), dataclasses.asdict(direct))


def test_what_is_cached_is_not_computed_again(tmp_path):
    jobs = pipeline.jobs([frame_task(tmp_path)], OPTIONS)
    store = ClipCache(tmp_path / "cache")
    pipeline.process(jobs, OPTIONS, store)
    for path in (jobs[0].task.motion.onset, jobs[0].task.motion.apex):
        path.unlink()
    assert pipeline.process(jobs, OPTIONS, store) == ()


def test_a_damaged_cache_file_is_computed_again(tmp_path):
    jobs = pipeline.jobs([frame_task(tmp_path)], OPTIONS)
    store = ClipCache(tmp_path / "cache")
    pipeline.process(jobs, OPTIONS, store)
    (path,) = store.folder.rglob("*.npz")
    whole = path.read_bytes()
    at = len(whole) // 2
    flipped = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    np.savez(tmp_path / "foreign.npz", flow=np.zeros((2, 2, 3)), about='{"flow_unit": "pixels"}')
    foreign = (tmp_path / "foreign.npz").read_bytes()
    for damaged in (b"", whole[:at], b"text", flipped, foreign):
        path.write_bytes(damaged)
        pipeline.process(jobs, OPTIONS, store)
        assert path.read_bytes() == whole


def test_the_fingerprint_follows_content_and_options_but_neither_place_nor_labels(tmp_path):
    here, there = tmp_path / "a", tmp_path / "b"
    here.mkdir()
    there.mkdir()
    clip = frame_task(here)

    def key(task, options=OPTIONS):
        return pipeline.jobs([task], options)[0].key

    assert key(frame_task(there)) == key(clip)
    other = dataclasses.replace(clip.labels, ethnicity="White")
    assert key(dataclasses.replace(clip, labels=other)) == key(clip)
    assert key(clip, dataclasses.replace(OPTIONS, workers=7, strict=True)) == key(clip)
    assert key(clip, dataclasses.replace(OPTIONS, margin=0.2)) != key(clip)
    assert key(clip, dataclasses.replace(OPTIONS, flow_method="tvl1")) != key(clip)
    swapped = FramePair(clip.motion.apex, clip.motion.onset)
    assert key(dataclasses.replace(clip, motion=swapped)) != key(clip)
    assert key(frame_task(there, apex=pattern(2))) != key(clip)


def test_memory_does_not_grow_with_the_pixels(tmp_path):
    # 64 x 64 x 3 float32 are 48 KiB a clip; its labels and the bookkeeping take some 2 KiB.
    options = dataclasses.replace(OPTIONS, flow_size=64)
    field = np.ones((64, 64, 3), np.float32)

    def peak(count):
        folder = tmp_path / str(count)
        folder.mkdir()
        jobs = pipeline.jobs([flow_task(folder, f"c{i}", field * i) for i in range(count)], options)
        store = ClipCache(folder / "cache")
        tracemalloc.start()
        assert pipeline.process(jobs, options, store) == ()
        assert sum(1 for _ in pipeline.records(jobs, options, store)) == count
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(2)  # what is imported and cached once
    assert (peak(120) - peak(20)) / 100 < 8 * 2**10


def test_jobs_are_sorted_by_database_subject_and_clip(tmp_path):
    tasks = [flow_task(tmp_path, clip) for clip in ("b", "a!", "a")]
    assert [job.task.labels.clip for job in pipeline.jobs(tasks, OPTIONS)] == ["a", "a!", "b"]


def test_a_fingerprint_tells_types_of_readers_apart():
    @dataclasses.dataclass(frozen=True)
    class Other:
        path: pathlib.Path

    path = pathlib.Path("nowhere.npy")
    assert cache.fingerprint(FlowFile(path)) != cache.fingerprint(Other(path))


@pytest.mark.parametrize(
    "wrong",
    [
        {"flow_method": "magic"},
        {"flow_size": 1},
        {"image_size": 0},
        {"workers": 0},
        {"detector": "eyes"},
        {"margin": -1.0},
        {"crop_size": 2},
    ],
)
def test_options_out_of_range_are_user_errors(wrong):
    with pytest.raises(UserError):
        BuildOptions(**wrong)


def test_crops_are_what_the_flow_was_computed_on(tmp_path):
    options = dataclasses.replace(OPTIONS, image_size=32, stabilise="none")
    clip = frame_task(tmp_path)
    record = pipeline.make_record(clip, options)
    onset, apex = (
        cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA)
        for image in frames.read_pair(clip.motion.onset, clip.motion.apex)
    )
    np.testing.assert_array_equal(record.onset_image, onset)
    np.testing.assert_array_equal(record.flow, flow.clip_flow(onset, apex, "dis", 8))
