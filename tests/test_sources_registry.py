from __future__ import annotations

import collections

import fictitious
import pandas as pd
import pytest
from documented import ROOT

from data_builders.database.ensure import ensure
from data_builders.sources import coded_clips, coding_sheet, registry
from data_builders.sources.databases import casme2, samm
from data_builders.sources.export import writing
from ethnicmer_jax.base import class_schemes
from ethnicmer_jax.base.schema import UserError

KEYS = [
    "casme2/sub01/EP02_01f",
    "casme2/sub01/EP19_05f",
    "casme2/sub02/EP01_11f",
    "casme2/sub26/EP18_51",
    "samm/006/006_1_2",
    "samm/006/006_1_6",
    "samm/037/037_3_2",
    "samm/037/037_4_1",
]


def listed(raw, source="casme2+samm"):
    return registry.list_clips(registry.Request(source, str(raw)))


@pytest.mark.parametrize("folders", [("", ""), ("CASME2", "SAMM"), ("casme2", "licensed")])
def test_both_databases_are_found_side_by_side_or_in_folders_of_their_own(tmp_path, folders):
    fictitious.write_casme2(tmp_path / folders[0])
    fictitious.write_samm(tmp_path / folders[1])
    listing = listed(tmp_path)
    assert [task.key for task in listing.tasks] == KEYS
    assert listing.problems == ()


def test_a_whole_database_may_be_a_link(tmp_path):
    fictitious.write_casme2(tmp_path / "licensed" / "casme2")
    fictitious.write_samm(tmp_path / "licensed" / "samm")
    (tmp_path / "raw").mkdir()
    for name in ("casme2", "samm"):
        (tmp_path / "raw" / name).symlink_to(tmp_path / "licensed" / name)
    assert [task.key for task in listed(tmp_path / "raw").tasks] == KEYS


def test_one_table_of_ethnicities_serves_both(tmp_path):
    fictitious.write_casme2(tmp_path)
    fictitious.write_samm(tmp_path)
    (tmp_path / "ethnicity.csv").write_text(
        "database,subject,ethnicity\n"
        "casme2,sub01,Asian\ncasme2,sub02,Asian\ncasme2,sub26,Asian\nsamm,006,White\nsamm,37,Indian\n"
    )
    listing = listed(tmp_path)
    assert listing.problems == ()
    assert [task.labels.ethnicity for task in listing.tasks] == [
        *["Asian"] * 4,
        *["White"] * 2,
        *["Indian"] * 2,
    ]


def test_a_database_that_is_not_there_is_named(tmp_path):
    fictitious.write_casme2(tmp_path)
    with pytest.raises(UserError, match="no sheet codes a clip of SAMM; looked into CASME2"):
        listed(tmp_path)


def test_each_source_may_have_a_place_of_its_own(tmp_path):
    fictitious.write_casme2(tmp_path / "one, with a comma")
    fictitious.write_samm(tmp_path / "two")
    raw = f"samm={tmp_path / 'two'},casme2={tmp_path / 'one, with a comma'}"
    assert [task.key for task in listed(raw).tasks] == KEYS
    assert [task.key for task in listed(raw, "samm+casme2").tasks] == KEYS


def test_a_manifest_can_be_part_of_a_merge_and_no_clip_counts_twice(tmp_path):
    fictitious.write_samm(tmp_path)
    frames = "SAMM_CROP/006/006_1_2/006_0556{}.jpg"
    (tmp_path / "manifest.csv").write_text(
        "database,subject,clip,emotion,onset_path,apex_path\n"
        f"lab,s1,a,anger,{frames.format(2)},{frames.format(6)}\n"
        f"samm,006,006_1_2,anger,{frames.format(2)},{frames.format(6)}\n"
    )
    listing = listed(tmp_path, "samm+manifest")
    keys = [task.key for task in listing.tasks]
    assert keys == ["lab/s1/a", *(key for key in KEYS if key.startswith("samm"))]
    [problem] = listing.problems
    assert (problem.where, problem.fatal) == ("samm/006/006_1_2", True)
    assert "in two of the sources" in problem.what


def test_a_faulty_row_of_a_manifest_refuses_a_merge(tmp_path):
    fictitious.write_samm(tmp_path)
    (tmp_path / "manifest.csv").write_text("database,subject,clip,emotion,flow\nlab,1,a,anger,x\n")
    with pytest.raises(UserError, match=r"manifest\.csv line 2.*nothing was built"):
        ensure("samm+manifest", str(tmp_path), tmp_path / "data")


@pytest.mark.parametrize(
    ("source", "raw", "message"),
    [
        ("casme2+nothing", "x", "unknown source 'nothing': use .* or several joined by +"),
        ("casme2+casme2", "x", "casme2 is given twice"),
        ("", "x", "unknown source ''"),
        ("casme2+samm", "", "needs --raw"),
        ("casme2+samm", "casme2=x", "no place for samm"),
        ("casme2", "casme2=x,samm=y", "samm is not in casme2"),
    ],
)
def test_names_and_places_that_do_not_fit_are_refused(source, raw, message):
    with pytest.raises(UserError, match=message):
        registry.places(source, raw)


@pytest.mark.parametrize("name", registry.DATABASES)
def test_every_database_says_where_to_ask_and_what_is_expected(name):
    database = registry.DATABASES[name]
    assert database.name == name
    assert database.licence.startswith("http")
    assert database.layout
    assert all(len(line) <= 74 for line in database.layout)  # on a screen, indented
    assert name in writing.LAYOUTS
    page = (ROOT / "docs" / "databases.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` | [")]
    assert f"[{database.title}]({database.licence})" in row
    assert all(f"`{line}`" in row for line in database.layout)


def test_the_real_sheets_give_the_published_pool_and_groups(annotations):
    of = class_schemes.parse("3").of
    pool = [
        (source.DATABASE.name, clip)
        for source, sheet in ((casme2, "CASME2"), (samm, "SAMM"))
        for clip in coded_clips.read_coding(
            coding_sheet.read_rows(annotations / f"{sheet}MetaEmotionConcised.xlsx"),
            source.DATABASE,
        ).clips
        if of[clip.emotion]
    ]
    assert len(pool) == 290
    assert len({(database, clip.subject) for database, clip in pool}) == 53
    # The reference counts Indian and Others (codes 2 and up) as Asian.
    group = {"White": "Non-Asian", "Black": "Non-Asian"}
    assert collections.Counter(
        (of[clip.emotion], group.get(clip.ethnicity, "Asian")) for _, clip in pool
    ) == {
        ("negative", "Asian"): 136,
        ("negative", "Non-Asian"): 56,
        ("positive", "Asian"): 33,
        ("positive", "Non-Asian"): 25,
        ("surprise", "Asian"): 30,
        ("surprise", "Non-Asian"): 10,
    }


def test_the_real_sheets_agree_with_the_manifest_of_flow_images(annotations, real_manifest):
    manifest = pd.read_csv(real_manifest, dtype=str)
    coded = {
        (source.DATABASE.name, clip.subject, clip.clip): clip.emotion
        for source, sheet in ((casme2, "CASME2"), (samm, "SAMM"))
        for clip in coded_clips.read_coding(
            coding_sheet.read_rows(annotations / f"{sheet}MetaEmotionConcised.xlsx"),
            source.DATABASE,
        ).clips
    }
    of = class_schemes.parse("3").of
    for row in manifest.itertuples():
        assert of[coded[row.database, row.subject, row.clip]] == row.emotion
