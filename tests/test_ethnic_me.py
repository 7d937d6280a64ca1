import dataclasses
import hashlib
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow_datasets as tfds
from array_record.python import array_record_module
from tensorflow_datasets.proto import tf_example_pb2

from data_builders.database import package
from data_builders.ethnic_me.ethnic_me_dataset_builder import EthnicMe, EthnicMeConfig
from ethnicmer_jax.base.schema import EMOTIONS, ActionUnit, ClipLabels, ClipRecord
from ethnicmer_jax.data import dataset


def record(clip, frames=True):
    rng = np.random.default_rng(sum(map(ord, clip)))
    images = {
        name: rng.integers(0, 256, (6, 6, 3), np.uint8) if frames else None
        for name in ("onset_image", "apex_image")
    }
    labels = ClipLabels(
        database="lab",
        subject="006",
        clip=clip,
        emotion="surprise",
        raw_emotion="Surprise",
        action_units=(ActionUnit(10, "L", "A"), ActionUnit(4)),
        ethnicity="Others",
        ethnicity_source="human",
        ethnicity_agreement=0.9,
        age_decade=3,
        gender="male",
        fps=200.0,
        onset=5,
        apex=9,
        offset=30,
        extra={"Objective Classes": "2", "note": "Zoë"},
    )
    flow = rng.normal(size=(4, 4, 3)).astype(np.float32)
    return ClipRecord(labels, flow, "percent_of_width", **images)


def write(data_dir, records, name="t-1"):
    config = EthnicMeConfig(name=name, clips=records, flow_size=4, metadata={"a": 1})
    with package.only_builder(data_dir, name):
        return package.write(data_dir, config, lambda folder: (folder / "CARD.md").write_text("x"))


def assert_equal(one, other):
    for field in dataclasses.fields(one):
        np.testing.assert_equal(getattr(one, field.name), getattr(other, field.name))


@pytest.mark.parametrize("frames", [True, False])
def test_records_come_back_as_they_went_in(tmp_path, frames):
    records = [record(f"c{i}", frames) for i in range(4)]
    assert_equal(dataset.load(write(tmp_path, records)), dataset.from_records(records))


def test_clips_with_and_without_frames_share_a_database(tmp_path):
    records = [record("c0"), record("c1", frames=False)]
    data = dataset.load(write(tmp_path, records))
    assert_equal(data, dataset.from_records(records))
    assert data.onset_image is None


def test_any_tfds_user_can_read_it(tmp_path):
    built = write(tmp_path, [record("c0"), record("c1", frames=False)])
    builder = tfds.builder_from_directory(built)
    assert builder.info.features["emotion"].names == list(EMOTIONS)
    assert builder.info.features["ethnicity"].names[-1] == "Unknown"
    assert builder.info.splits["clips"].num_examples == 2
    assert builder.info.metadata == {"a": 1}
    examples = {example["clip"]: example for example in builder.as_data_source("clips")}
    with_frames, without = examples[b"c0"], examples[b"c1"]
    assert with_frames["flow"].dtype == np.float32
    assert list(with_frames["action_units"]) == [b"L10A", b"4"]
    np.testing.assert_array_equal(with_frames["apex_image"], record("c0").apex_image)
    assert (bool(with_frames["has_frames"]), bool(without["has_frames"])) == (True, False)
    assert without["onset_image"].shape == (1, 1, 3)
    assert not without["onset_image"].any()


def test_the_order_of_the_records_does_not_matter(tmp_path):
    records = [record(f"c{i}") for i in range(6)]
    one, other = write(tmp_path / "a", records), write(tmp_path / "b", records[::-1])
    for path in one.iterdir():
        assert path.read_bytes() == (other / path.name).read_bytes(), path.name


def test_a_failing_build_leaves_no_database(tmp_path):
    def clips():
        yield record("c0")
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        write(tmp_path, clips())
    assert not package.is_complete(package.directory(tmp_path, "t-1"))
    assert not list(tmp_path.rglob("dataset_info.json"))
    assert len(dataset.load(write(tmp_path, [record("c0")]))) == 1


def test_a_database_holds_what_was_written_beside_it(tmp_path):
    assert (write(tmp_path, [record("c0")]) / "CARD.md").read_text() == "x"


def test_it_is_written_and_read_without_tensorflow_and_torch(tmp_path):
    script = f"""
        import sys
        from importlib.machinery import PathFinder
        find = PathFinder.find_spec
        def find_others(name, path=None, target=None):
            return None if name in ("tensorflow", "torch") else find(name, path, target)
        PathFinder.find_spec = find_others
        sys.path.insert(0, "tests")
        from test_ethnic_me import record, write
        from ethnicmer_jax.data import dataset
        import pathlib
        data = dataset.load(write(pathlib.Path({str(tmp_path)!r}), [record("c0")]))
        assert len(data) == 1 and data.onset_image is not None
        assert not {{"tensorflow", "torch"}} & set(sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_importing_the_builder_imports_no_framework():
    script = """
        import sys
        import data_builders.build, data_builders.database.check, ethnicmer_jax.data.dataset
        import data_builders.sources.registry, data_builders.sources.export.writing
        import tensorflow_datasets
        loaded = {"tensorflow", "torch", "jax", "apache_beam"} & set(sys.modules)
        sys.exit(f"imported: {loaded}" if loaded else 0)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_progress_bars_of_tfds_stay_quiet(tmp_path, capsys):
    write(tmp_path, [record("c0")])
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_description_citations_and_tags_come_with_it(tmp_path):
    info = tfds.builder_from_directory(write(tmp_path, [record("c0")])).info
    assert "Getting the licensed databases" in info.description
    assert "khor2025ethnic" in info.citation
    metadata = EthnicMe.get_metadata()
    assert "ml.fairness.race-national-ethnic-origin" in metadata.tags


def stored(path):
    """Every example as stored, but for the images, whose bytes are the PNG encoder's business."""
    names = ("onset_image", "apex_image")
    for file in sorted(path.glob("*.array_record*")):
        reader = array_record_module.ArrayRecordReader(str(file))
        for serialized in reader.read_all():
            example = tf_example_pb2.Example.FromString(serialized)
            for name in names:
                del example.features.feature[name]
            yield example.SerializeToString(deterministic=True)


def test_what_is_stored_is_what_was_stored_always(tmp_path):
    """Databases that exist are read by later versions: fields, types and order stay."""
    written = write(tmp_path, [record("c1"), record("c2", frames=False)])
    digest = hashlib.sha256(b"".join(stored(written))).hexdigest()
    assert digest[:16] == "63564ac2a5aee22f"
    described = hashlib.sha256((written / "features.json").read_bytes()).hexdigest()
    assert described[:16] == "2fe3c5b043c59d40"


@pytest.mark.parametrize("images", [(), ("apex_image",), ("onset_image",)])
def test_images_that_nobody_asks_for_are_not_held(tmp_path, images):
    records = [record(f"c{i}") for i in range(2)]
    expected = dataset.from_records(
        [
            dataclasses.replace(one, **dict.fromkeys(set(dataset.IMAGES) - set(images)))
            for one in records
        ]
    )
    assert_equal(dataset.load(write(tmp_path, records), images), expected)
