from __future__ import annotations

import fictitious
import pytest
from PIL import Image

from data_builders.sources import registry

COLUMNS = (*fictitious.CASME2_COLUMNS, "remarks")
ROWS = [
    (5, "S05-01-001", 1, 4, 9, "4+7", "anger", None),
    ("S30", "S30-05-002", 1, 80, 8, 12, "happiness", "apex?"),
    (30, "S30-07-001", 1, 3, 6, 1, "others", None),
]


@pytest.mark.parametrize("levels", ["{emotion}/{clip}", "{subject}/{emotion}/{clip}"])
def test_folders_by_emotion_with_and_without_subjects_are_read(tmp_path, levels):
    fictitious.write_sheet(tmp_path / "MMEW_Final/MMEW_Micro_Exp.xlsx", COLUMNS, ROWS)
    for _, clip, first, _, last, _, emotion, _ in ROWS:
        path = levels.format(emotion=emotion, clip=clip, subject=clip[:3])
        folder = tmp_path / "MMEW_Final/Micro_Expression" / path
        folder.mkdir(parents=True)
        for number in range(first, last + 1):
            Image.fromarray(fictitious.frame(number)).save(folder / f"{number}.jpg")
    macro = tmp_path / "MMEW_Final/Macro_Expression/S05/anger"
    macro.mkdir(parents=True)
    Image.fromarray(fictitious.frame(1)).save(macro / "S05-01-001.jpg")
    listing = registry.list_clips(registry.Request("mmew", str(tmp_path)))
    assert [task.key for task in listing.tasks] == [
        "mmew/S05/S05-01-001",
        "mmew/S30/S30-05-002",
        "mmew/S30/S30-07-001",
    ]
    assert [task.labels.emotion for task in listing.tasks] == ["anger", "happiness", "others"]
    assert listing.tasks[0].motion.apex.name == "4.jpg"
    [problem] = listing.problems  # the apex of the second is after its offset
    assert (problem.where, problem.fatal) == ("mmew/S30/S30-05-002", False)
    assert listing.tasks[1].labels.extra["remarks"] == "apex?"
