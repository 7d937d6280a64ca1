from __future__ import annotations

import collections

import fictitious
import pandas as pd
import pytest

from data_builders.sources import casme2, casme2_samm, coded_clips, coding_sheet, samm
from ethnicmer_jax.base.schema import UserError

KEYS = [
    "casme2/sub01/EP02_01f",
    "casme2/sub01/EP19_05f",
    "casme2/sub02/EP01_11f",
    "samm/006/006_1_2",
    "samm/006/006_1_6",
    "samm/037/037_3_2",
]


@pytest.mark.parametrize("folders", [("", ""), ("CASME2", "SAMM")])
def test_both_databases_are_found_side_by_side_or_in_folders_of_their_own(tmp_path, folders):
    fictitious.write_casme2(tmp_path / folders[0])
    fictitious.write_samm(tmp_path / folders[1])
    listing = casme2_samm.list_clips(tmp_path)
    assert [task.key for task in listing.tasks] == KEYS
    assert listing.problems == ()


def test_a_whole_database_may_be_a_link(tmp_path):
    fictitious.write_casme2(tmp_path / "licensed" / "casme2")
    fictitious.write_samm(tmp_path / "licensed" / "samm")
    (tmp_path / "raw").mkdir()
    for name in ("casme2", "samm"):
        (tmp_path / "raw" / name).symlink_to(tmp_path / "licensed" / name)
    assert [task.key for task in casme2_samm.list_clips(tmp_path / "raw").tasks] == KEYS


def test_one_table_of_ethnicities_serves_both(tmp_path):
    fictitious.write_casme2(tmp_path)
    fictitious.write_samm(tmp_path)
    (tmp_path / "ethnicity.csv").write_text(
        "database,subject,ethnicity\n"
        "casme2,sub01,Asian\ncasme2,sub02,Asian\nsamm,006,White\nsamm,37,Indian\n"
    )
    listing = casme2_samm.list_clips(tmp_path)
    assert listing.problems == ()
    assert [task.labels.ethnicity for task in listing.tasks] == [
        *["Asian"] * 3,
        *["White"] * 2,
        "Indian",
    ]


def test_a_database_that_is_not_there_is_named(tmp_path):
    fictitious.write_casme2(tmp_path)
    with pytest.raises(UserError, match="no sheet codes a clip of SAMM; looked into CASME2"):
        casme2_samm.list_clips(tmp_path)


def test_the_real_sheets_give_the_published_pool_and_groups(annotations):
    pool = [
        (source.DATABASE.name, clip)
        for source, sheet in ((casme2, "CASME2"), (samm, "SAMM"))
        for clip in coded_clips.read_coding(
            coding_sheet.read_rows(annotations / f"{sheet}MetaEmotionConcised.xlsx"),
            source.DATABASE,
        ).clips
    ]
    assert len(pool) == 290
    assert len({(database, clip.subject) for database, clip in pool}) == 53
    # The reference counts Indian and Others (codes 2 and up) as Asian.
    group = {"White": "Non-Asian", "Black": "Non-Asian"}
    assert collections.Counter(
        (clip.emotion, group.get(clip.ethnicity, "Asian")) for _, clip in pool
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
    for row in manifest.itertuples():
        assert coded[row.database, row.subject, row.clip] == row.emotion
