"""What may be asked for, and what is refused before anything is read."""

import numpy as np
import pytest
import worlds

from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.explain import request
from ethnicmer_jax.explain.request import Request
from ethnicmer_jax.protocols.clip_sets import ClipSets
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.report import explained

STRICT = grouping("strict")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"methods": ["lime"]}, "no method 'lime'; choose from gradcam"),
        ({"methods": []}, "--methods is empty"),
        ({"heads": ["finale"]}, "no head 'finale'; choose from final"),
        ({"explained": "wrong"}, "no kind of explained class 'wrong'"),
        ({"groups": ["asian", "asian"]}, "--groups names asian twice"),
        ({"clips": ["a/*", "b/*", "a/*"]}, r"--clips names a/\* twice"),
        ({"runs": ["r", "r"]}, "--runs names r twice"),
        ({"heads": ["final", "final"]}, "--heads names final twice"),
        ({"methods": ["gradcam", "gradcam"]}, "--methods names gradcam twice"),
        ({"groups": ["a", "b", "c"]}, "--groups=a,b,c: name two groups"),
        ({"eyes": ["0.45"]}, r"such as 0\.45,0\.25"),
        ({"eyes": ["45", "25"]}, r"such as 0\.45,0\.25"),
        ({"eyes": ["a", "b"]}, r"such as 0\.45,0\.25"),
        ({"eyes": ["nan", "0.2"]}, r"such as 0\.45,0\.25"),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused_at_once(asked, reason):
    with pytest.raises(UserError, match=reason):
        Request(**asked)


def test_eyes_win_over_what_the_database_records():
    recorded = CropGeometry.of_margin(0.3)
    assert Request(eyes=["0.25", "0.25"]).crop(recorded) == CropGeometry(0.25, 0.25)
    assert Request().crop(recorded) == recorded
    assert Request().crop(None) == CropGeometry.of_margin()


def test_groups_have_to_be_those_of_the_job():
    request.check_groups(Request(groups=["non_asian"]), STRICT)
    with pytest.raises(UserError, match="no group 'martian' in grouping strict; choose from asian"):
        request.check_groups(Request(groups=["martian"]), STRICT)


def test_every_selection_has_a_folder_of_its_own():
    whole = [Request(), Request(eyes=["0.4", "0.2"]), Request(max_clips=3, methods=["gradcam"])]
    assert {asked.folder for asked in whole} == {explained.FOLDER}
    parts = [
        Request(clips=["casme2/s1/c0"]),
        Request(clips=["casme2/s1/*"]),
        Request(clips=["casme2/s1/?"]),
        Request(runs=["casme2/s1/*"]),
        Request(groups=["asian"]),
        Request(groups=["asian", "non_asian"]),
        Request(groups=["non_asian", "asian"]),
        Request(heads=["final"]),
        Request(clips=[f"casme2/subject-of-a-long-name/{i:03}" for i in range(50)]),
    ]
    folders = [asked.folder for asked in parts]
    assert len(set(folders)) == len(parts)
    for folder in folders:
        assert folder.startswith(f"{explained.FOLDER}-")
        assert len(folder) < 60
        assert not set(folder) & set("/*?[] ")
    assert Request(clips=("a",)).folder == Request(clips=["a"]).folder


def test_flags_ask_for_the_same():
    asked = Request(clips=["a/*", "b/*"], max_clips=3, methods=["gradcam"])
    assert asked.flags() == ["--clips=a/*,b/*", "--methods=gradcam", "--max_clips=3"]
    assert Request(methods=["gradcam", "hirescam", "occlusion"]).flags() == []


@pytest.fixture
def choose():
    """Which clips a request takes of a job of two folds; nobody tests the last clip."""
    people = [("casme2", "s1", "Asian"), ("casme2", "s2", "White"), ("samm", "s3", "Unknown")]
    data = worlds.world(people, clips=2, size=2)
    test = np.array([[1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0], [1, 1, 0, 0, 0, 0]], bool)
    runs = np.array(["loso-seed0", "loso-seed0", "loso-seed1"])
    sets = ClipSets.of(~test, 6), ClipSets.of(test, 6)
    table = FoldTable(runs, np.array(["a", "b", "a"]), *sets, np.zeros(3, np.int64))
    group = np.array([*["asian"] * 2, *["non_asian"] * 2, "", ""])

    def chosen(**asked):
        wanted = Request(**asked)
        tests = request.chosen_clips(wanted, table, data, group)
        keys = [data.key[clip] for clips in tests.values() for clip in clips]
        return keys, request.compared_groups(wanted, STRICT, group, tests)

    return chosen


def test_clips_groups_and_runs_select(choose):
    assert choose()[0] == [
        "casme2/s1/c0", "casme2/s1/c1", "casme2/s2/c0", "casme2/s2/c1", "samm/s3/c0"]  # fmt: skip
    assert choose(clips=["*/c0"], groups=["asian"])[0] == ["casme2/s1/c0"]
    assert choose(runs=["*-seed1"])[0] == ["casme2/s1/c0", "casme2/s1/c1"]


def test_max_clips_are_drawn_from_clips_that_are_tested(choose):
    for seed in range(10):
        assert len(choose(max_clips=4, seed=seed)[0]) == 4
    assert choose(max_clips=3) == choose(max_clips=3)


def test_groups_without_an_explained_clip_are_not_compared(choose):
    assert choose()[1] == ("asian", "non_asian")
    assert choose(groups=["non_asian", "asian"])[1] == ("non_asian", "asian")
    assert choose(groups=["non_asian"])[1] == ("non_asian",)
    assert choose(clips=["casme2/s2/*"])[1] == ("non_asian",)
    assert choose(clips=["samm/*"])[1] == ()


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"clips": ["nobody*"]}, r"no clip is called nobody\* \(--clips\); one is casme2/s1/c0"),
        ({"clips": ["casme2/*", "sam/*"]}, r"no clip is called sam/\* \(--clips\)"),
        ({"runs": ["loso-seed0", "seed9"]}, r"no run is called seed9 \(--runs\); one is loso"),
        ({"runs": ["*-seed1"], "clips": ["samm/*"]}, "no fold of these runs tests a clip"),
    ],
)
def test_a_glob_that_fits_nothing_is_refused_beside_others_that_do(choose, asked, reason):
    with pytest.raises(UserError, match=reason):
        choose(**asked)
