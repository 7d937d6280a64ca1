import csv
import hashlib
import json

import pytest
from made_up_manifest import OPTIONS, make_raw

from data_builders.database.ensure import ensure


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    folder = tmp_path_factory.mktemp("croissant")
    return ensure("manifest", str(make_raw(folder / "raw")), folder / "data", OPTIONS)


def test_the_table_holds_every_clip(database):
    with (database / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["clip"] for row in rows] == ["c0", "c3", "c1", "c4", "c2", "c5"]
    assert {row["ethnicity"] for row in rows} == {"Asian", "White", "Unknown"}


def test_files_are_listed_with_their_hashes(database):
    files = json.loads((database / "croissant.json").read_text())["distribution"]
    assert files[0]["name"] == "clips.csv"
    assert any(".array_record" in entry["name"] for entry in files)
    for entry in files:
        content = (database / entry["contentUrl"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph:DeprecationWarning")
def test_mlcroissant_accepts_it_and_reads_the_clips(database):
    mlc = pytest.importorskip("mlcroissant", reason="pip install mlcroissant to run this test")
    described = mlc.Dataset(jsonld=database / "croissant.json")
    assert described.metadata.ctx.issues.errors == set()
    records = list(described.records("clips"))
    assert len(records) == 6
    assert records[0]["clips/clip"] == b"c0"
    assert records[0]["clips/emotion"] == b"anger"
