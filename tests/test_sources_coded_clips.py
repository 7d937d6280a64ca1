from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_builders.sources import registry
from data_builders.sources.coded_clips import CodedDatabase, read_coding
from data_builders.sources.coding_sheet import CodedRow
from ethnicmer_jax.base.run_id import name_fault

CODED = [base for base in registry.DATABASES.values() if isinstance(base, CodedDatabase)]
CODES = ["spNO.1", "S13_1st", "sub0003", "a", "001_01_1", "sub0003_01", "EP01_1", "006_1_2", 2, 6]
CELLS = st.one_of(
    st.sampled_from([*CODES, "happy", "Surprise+Positive", "4(k)+L7", "AU", "+", "٣", "9" * 400]),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("aS01/_.+ é٣\0", max_size=8),
    st.just(datetime.datetime(2020, 1, 1)),
)


@pytest.mark.parametrize("database", CODED, ids=[base.name for base in CODED])
@settings(max_examples=40)
@given(data=st.data())
def test_a_row_of_any_cells_is_a_clip_or_a_problem(database, data):
    names = [*database.columns.required, *database.columns.optional]
    sound = {"onset": 3, "apex": 4, "offset": 9, "estimatedemotion": "surprise"}
    sound |= {name: data.draw(st.sampled_from(CODES)) for name in ("subject", "filename")}
    changed = data.draw(st.dictionaries(st.sampled_from(names), CELLS, max_size=3))
    cells = {name: changed.get(name, sound.get(name)) for name in names}
    coding = read_coding([CodedRow("row 2", cells, {})], database)
    assert len(coding.clips) + sum(problem.fatal for problem in coding.problems) == 1
    for clip in coding.clips:
        assert not name_fault("subject", clip.subject)
        assert "/" not in clip.clip
        assert clip.apex == -1 or clip.onset < clip.apex <= clip.offset
