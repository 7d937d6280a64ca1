"""Damaged files and odd texts, for tests that no parser fails other than it says it does."""

import io
import zipfile

from hypothesis import strategies as st

NASTY = (
    *('"', "'", "\0", "\r", "\n", ",", ";", "\t", "|", "\\", "/", "..", "=", "+", "(", ")", "{"),
    *("}", "NA", "nan", "inf", "-1", "-0", "1e999", "1_0", "٣", "²", "½", "\ufeff", "\u202e", "𝟙"),
    *("é", "9" * 19, "1" * 400, "1" * 5000, "0.0", "46.0", "1,000", "0x10", "<", ">", "&", "&#0;"),
    *("sep=;", "#N/A", "=1+1", "%s", "{0}", "x" * 300, '"' * 3, "[", "]", "null", "None", "true"),
)
"""Texts at which parsers trip."""

TEXTS = st.lists(
    st.one_of(st.sampled_from(NASTY), st.text(max_size=6), st.integers().map(str)), max_size=6
).map("".join)
"""Texts of odd parts."""

_EDITS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.sampled_from(("insert", "replace", "delete", "repeat")),
        st.one_of(st.sampled_from(NASTY).map(str.encode), st.binary(min_size=1, max_size=6)),
    ),
    min_size=1,
    max_size=5,
)


def damaged(data: bytes) -> st.SearchStrategy[bytes]:
    """Bytes with some of them inserted, replaced, deleted or repeated."""
    return _EDITS.map(lambda edits: _edited(data, edits))


def damaged_member(archive: bytes, names: tuple[str, ...]) -> st.SearchStrategy[bytes]:
    """A zip archive, one of whose files is damaged; its checksums are right."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        parts = {info.filename: opened.read(info) for info in opened.infolist()}

    def archived(change):
        name, edits = change
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as written:
            for part, data in parts.items():
                written.writestr(part, _edited(data, edits) if part == name else data)
        return buffer.getvalue()

    return st.tuples(st.sampled_from(names), _EDITS).map(archived)


def as_of_an_earlier_version(directory):
    """Takes the sums from a directory: what is changed in it by hand is not noticed as that."""
    for path in directory.rglob(".sums"):
        path.unlink()
    return directory


def _edited(data: bytes, edits) -> bytes:
    for where, kind, payload in edits:
        at = int(where * len(data))
        end = at + len(payload)
        data = {
            "insert": data[:at] + payload + data[at:],
            "replace": data[:at] + payload + data[end:],
            "delete": data[:at] + data[end:],
            "repeat": data[:end] + data[at:],
        }[kind]
    return data
