import flow_manifest
import numpy as np
import pytest

import ethnicmer_jax as em
from ethnicmer_jax.data import dataset

TINY = {
    "data.simulated.cohorts": "simcasme2:Asian:2,simsamm:White:2:grey",
    "data.simulated.clips_per_subject": 3.0,
    "data.detector": "none",
    "data.flow_method": "dis",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("databases")


@pytest.fixture(scope="module")
def drawn(folder):
    return em.open_database("simulated", data_dir=folder / "data", frames=True, overrides=TINY)


@pytest.fixture(scope="module")
def listed(folder):
    """The database of a manifest, built where it is missing."""
    manifest = flow_manifest.write(folder / "raw")
    return em.open_database("manifest", raw=manifest, data_dir=folder / "data")


def test_a_source_is_built_and_its_labels_are_a_table(drawn):
    labels = drawn.labels
    assert len(labels) == len(drawn) == len(drawn.flow)
    assert set(labels["database"]) == {"simcasme2", "simsamm"}
    assert set(labels["ethnicity"]) == {"Asian", "White"}
    assert (labels["onset"] < labels["apex"]).all()
    assert labels["age_decade"].isna().all()
    assert set(labels["flow_unit"]) == {"percent_of_width"}
    assert "sim_aus" in labels  # the source's own columns come last
    assert (labels["database"] + "/" + labels["subject"]).tolist() == drawn.subjects.tolist()
    assert drawn.onset_image.shape == drawn.apex_image.shape == (len(drawn), 112, 112, 3)


def test_codes_are_text(listed):
    assert listed.labels["subject"].iloc[0] == "000"
    assert listed.apex_image is None


@pytest.mark.parametrize("of", [lambda path: path, lambda path: path.parent])
def test_a_database_opens_by_its_folder(listed, of):
    again = em.open_database(of(listed.path))
    assert again.path == listed.path
    assert np.array_equal(again.flow, dataset.load(listed.path).flow)


def test_a_source_opens_without_its_raw_data_where_there_is_one_database(listed, folder):
    assert em.open_database("manifest", data_dir=folder / "data").path == listed.path


def test_a_selection_has_its_labels(listed):
    some = listed.select(listed.labels["emotion"] == "anger")
    assert set(some.labels["emotion"]) == {"anger"}
    assert some.path is None
    assert np.array_equal(some.flow, listed.flow[(listed.labels["emotion"] == "anger").to_numpy()])
    assert len(listed.select([0, 2])) == 2


def test_arrays_for_scikit_learn_follow_the_class_scheme(listed):
    X, y, subjects = listed.xy(3)
    assert X.shape == (36, 28, 28, 3)
    assert set(y) == {"negative", "positive", "surprise"}
    assert subjects[0] == "casme2/000"
    X, y, subjects = listed.xy("anger=calm;happiness=glad;*=")
    assert len(X) == len(y) == len(subjects) == 24
    assert set(y) == {"calm", "glad"}


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        ("casme2", {}, "raw"),
        ("no/such/folder", {}, "complete database"),
        ("no/such/folder", {"raw": "RAW"}, "no source"),
        ("casme2", {"raw": "no/such"}, "does not exist"),
        ("manifest", {"overrides": {"data.flow_size": 14}}, "raw"),
        ("simulated", {"overrides": {"data.flow_sise": 14}}, "flow_size"),
    ],
)
def test_what_cannot_be_opened_is_refused_in_one_line(source, options, says, folder):
    with pytest.raises(em.UserError, match=says) as refusal:
        em.open_database(source, data_dir=folder / "data", **options)
    assert "\n" not in str(refusal.value)


def test_several_databases_of_a_source_are_named(listed, folder):
    flow_manifest.write(folder / "other", subjects=2)
    em.open_database("manifest", raw=folder / "other" / "manifest.csv", data_dir=folder / "two")
    flow_manifest.write(folder / "third", subjects=3)
    em.open_database("manifest", raw=folder / "third" / "manifest.csv", data_dir=folder / "two")
    with pytest.raises(em.UserError, match=r"several.*manifest-\w+.*manifest-\w+"):
        em.open_database("manifest", data_dir=folder / "two")
