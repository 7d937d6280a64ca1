"""The source `dfme`: DFME (Zhao et al., IEEE T-AFFC 2024), 7,526 clips of 671 people, colour.

Two releases have public readers. The one of the CCAC 2024 challenge, 2,629 clips of 259 people:
`training_full_with_AU.xlsx` and one sheet per test set, with Subject, Filename, OnsetFrame,
ApexFrame, OffsetFrame and Emotion, beside `train_data/train_data/sub0003_01/00012.png ...` and
`test_data_A`, `test_data_B`; the sheet that a clip is in becomes the columns of SPLITS, for the
protocol `split`. And the whole database: one sheet with the same columns and fps, beside parts
such as `USTC_MEv4_partA_sub0001_sub0015/micro/happiness/sub0003_01/...` (names of frames there
could not be verified: they are found by their number). Clips are filmed at 200, 300 or 500 fps:
the column fps says which; without it the rate is unknown.

Sources of these facts: the challenge's own description (7 emotions, splits, rates),
MELABIPCAS/FED-PsyAU (parts of the whole database), and four readers of the challenge's files.
How the AUs are written could not be verified; a cell that cannot be read is reported.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import re
from collections.abc import Mapping, Sequence

from data_builders.sources import coding_sheet
from data_builders.sources.cells import text_of
from data_builders.sources.coded_folder import CodedFolder
from data_builders.sources.coding_sheet import PERSON, CodedRow, Columns
from data_builders.sources.frame_tree import TreeShape
from ethnicmer_jax.base.schema import UserError

SPLITS: Mapping[str, Mapping[str, str]] = {
    "train": {"split": "train", "split_a": "train", "split_b": "train"},
    "testa": {"split": "test", "split_a": "test"},
    "testb": {"split": "test", "split_b": "test"},
}
"""Part of a sheet's name, without punctuation -> what its clips have in `protocol.split_column`:
of `split` both test sets are tested, of `split_a` and `split_b` one of them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Dfme(CodedFolder):
    def sheets(self, home: pathlib.Path) -> tuple[pathlib.Path, ...]:
        """See `CodedFolder.sheets`: one for each split, or one of all clips."""
        return coding_sheet.sheets_with(home, self.columns, self.frames.clip, self.title)

    def rows(self, sheets: Sequence[pathlib.Path]) -> list[CodedRow]:
        """See `CodedFolder.rows`; adds the split that a sheet is of.

        Raises:
          UserError: two sheets code the same clip.
        """
        found: list[CodedRow] = []
        sheet_of: dict[str, pathlib.Path] = {}
        for sheet in sheets:
            rows = coding_sheet.read_rows(sheet, self.columns)
            for clip in filter(None, (text_of(row.cells["filename"]) for row in rows)):
                other = sheet_of.setdefault(clip, sheet)
                if other != sheet:
                    first, second = (
                        path.name if other.name != sheet.name else f"{path.parent.name}/{path.name}"
                        for path in (other, sheet)
                    )
                    raise UserError(
                        f"{first} and {second} both code {clip} of {self.title}: leave one sheet "
                        "of all clips, or one for each split"
                    )
            found += [_with_split(row, sheet) for row in rows]
        return found


def _with_split(row: CodedRow, sheet: pathlib.Path) -> CodedRow:
    name = re.sub("[^a-z]", "", sheet.stem.lower())
    split = next((columns for part, columns in SPLITS.items() if part in name), {})
    return dataclasses.replace(row, extra={**row.extra, **split})


DATABASE = _Dfme(
    name="dfme",
    title="DFME",
    licence="https://mea-lab-421.github.io",
    layout=(
        "training_full_with_AU.xlsx, and one sheet for each test set",
        "train_data/train_data/sub0003_01/00012.png ...",
        "or USTC_MEv4_partA_sub0001_sub0015/micro/happiness/sub0003_01/...",
    ),
    fps=math.nan,
    subject_format="sub{:04d}",
    frames=TreeShape(
        levels="{clip}",
        subject=re.compile(r"sub\d+"),
        clip=re.compile(r"sub\d+_\w+"),
        usual=("micro",),
        example="train_data/train_data/sub0003_01/00012.png",
        scattered=True,
    ),
    apex_fallback="found",
    columns=Columns(
        {
            "subject": ("Subject",),
            "filename": ("Filename",),
            "onset": ("OnsetFrame",),
            "apex": ("ApexFrame",),
            "offset": ("OffsetFrame",),
            "estimatedemotion": ("Emotion",),
        },
        {"actionunits": ("AU", "AUs", "Action Units"), "fps": ("fps",), **PERSON},
    ),
)
