"""Class schemes: which coded emotions are one class, and which take no part.

A database keeps the coded emotion of every clip (`schema.EMOTIONS`); what a network has to tell
apart is a scheme, named by `data.classes` and applied when a protocol is planned. A scheme is
text: entries `emotion[+emotion...]=class`, separated by semicolons.

  happiness=positive;anger+disgust=negative;others=

puts happiness into the class positive, anger and disgust into negative, and leaves others out.
An emotion that no entry names keeps its own name as its class; the entry `*=class` (or `*=`)
decides about all of those at once. `SCHEMES` are the schemes of the field, in the same words.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping

from ethnicmer_jax.base.schema import EMOTIONS, UserError, coded_emotion

_NEGATIVE = "anger+contempt+disgust+fear+sadness+negative"
_POSITIVE = "happiness+positive"
_CASME2 = "disgust=disgust;happiness=happiness;repression=repression;surprise=surprise"
_SAMM = "anger=anger;contempt=contempt;happiness=happiness;surprise=surprise"
_BASIC = "anger=anger;disgust=disgust;fear=fear;happiness=happiness;sadness=sadness"

SCHEMES: Mapping[str, str] = {
    "3": (f"{_NEGATIVE}+repression=negative;{_POSITIVE}=positive;surprise=surprise;*="),
    "2": f"{_NEGATIVE}+repression=negative;{_POSITIVE}+surprise=other;*=",
    "4": (
        f"{_NEGATIVE}+repression=negative;{_POSITIVE}=positive;surprise=surprise;others=others;*="
    ),
    "5:casme2": f"{_CASME2};others=others;*=",
    "5:samm": f"{_SAMM};others=others;*=",
    "7": f"{_BASIC};surprise=surprise;contempt=contempt;*=",
    "7:casme3": f"{_BASIC};surprise=surprise;others=others;*=",
    "4dme": (
        f"{_NEGATIVE}=negative;{_POSITIVE}=positive;repression=repression;surprise=surprise;"
        "others=others;*="
    ),
}
"""Name -> mapping.

3: the composite protocol of MEGC 2019. 2: negative against the rest, the reference's SVM variant.
4: the three classes and others, as CAS(ME)³ is also used. 5:casme2 and 5:samm: the five classes
that CASME II (247 clips; 2 of fear and 7 of sadness take no part) and SAMM (136 clips; disgust,
fear and sadness take no part) are usually recognised with. 7: the basic emotions, DFME's own
classes. 7:casme3: the seven of CAS(ME)³, with others in place of contempt. 4dme: the five of 4DME.
"""

DEFAULT = "3"

RAW = "raw"
"""Every coded emotion that a clip has is a class."""

FIVE = "5"
"""Each database's own usual classes, see `_OWN`; CASME II's five for every other one."""

_OWN: Mapping[str, str] = {
    "samm": "5:samm",
    "smic": "3",
    "casme_squared": "4",
    "casme3c": "3",
    "4dme": "4dme",
}
"""Part of a database's name -> scheme. SMIC, CAS(ME)² and part C of CAS(ME)³ code no more."""

NAMES = ("3", "2", "4", FIVE, "5:casme2", "5:samm", "7", "7:casme3", "4dme", RAW)
"""What `data.classes` may be called, besides a mapping of one's own."""

_CLASS = re.compile(r"[a-z][a-z0-9_-]{0,23}")
_TAKEN = ("all", "max", "clips", "subjects", "database", "ethnicity", "group")
"""Columns and keys that stand beside the names of classes in tables and metrics.json."""


@dataclasses.dataclass(frozen=True)
class ClassScheme:
    """Which class a clip has.

    Attributes:
      name: the text of `data.classes`.
      of: coded emotion -> class, "" for those that take no part; has all of EMOTIONS.
      fixed: classes whether a clip has them or not, in order; the others of `of` are classes
        where a clip has them.
      of_databases: part of a database's name -> `of` of that database.
    """

    name: str
    of: Mapping[str, str]
    fixed: tuple[str, ...]
    of_databases: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)

    def class_of(self, emotion: str, database: str) -> str:
        """The class of a clip; "" where it takes no part.

        Args:
          emotion: one of EMOTIONS.
          database: its database's name.
        """
        own = (of for part, of in self.of_databases.items() if part in database)
        return next(own, self.of)[emotion]

    def classes(self, found: Collection[str]) -> tuple[str, ...]:
        """All classes, in the order of the columns of predictions.csv.

        Args:
          found: the classes that clips have.
        """
        own = (name for name in EMOTIONS if name in found and name not in self.fixed)
        return (*self.fixed, *own)

    @property
    def depends_on_clips(self) -> bool:
        """Whether other clips can have other classes."""
        return set(self.of.values()) - {""} != set(self.fixed)


def parse(text: str | int) -> ClassScheme:
    """The scheme of a name of NAMES or of a mapping; see the head of this module.

    Args:
      text: as in `data.classes`; work directories of earlier versions have 2 or 3.

    Raises:
      UserError: it is neither; one line that says what to write instead.
    """
    name = str(text).strip().lower()
    if name == RAW:
        return ClassScheme(RAW, {emotion: emotion for emotion in EMOTIONS}, ())
    if name == FIVE:
        own = {part: parse(scheme).of for part, scheme in _OWN.items()}
        return ClassScheme(FIVE, parse("5:casme2").of, (), own)
    if name in SCHEMES:
        return _mapping(name, SCHEMES[name])
    if "=" not in name:
        raise UserError(
            f"data.classes {_shown(name)} is no class scheme: use one of {', '.join(NAMES)}, or a "
            "mapping such as happiness=positive;anger+disgust=negative;others="
        )
    return _mapping(name, name)


def class_name_fault(name: str) -> str:
    """Why a class cannot have this name; "" where it can."""
    if name in _TAKEN:
        return f"is taken: no class can be called {', '.join(_TAKEN)}"
    if not _CLASS.fullmatch(name):
        return "is no class name: a small letter, then up to 23 of a-z, 0-9, _ and -"
    return ""


def _mapping(name: str, text: str) -> ClassScheme:
    of: dict[str, str] = {}
    rest: str | None = None
    fixed: dict[str, None] = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        left, separator, target = (part.strip() for part in entry.partition("="))
        if not separator or "=" in target:
            raise UserError(
                f"data.classes: {_shown(entry)} does not read emotion[+emotion...]=class"
            )
        if target and (fault := class_name_fault(target)):
            raise UserError(f"data.classes: {_shown(target)} {fault}")
        fixed |= {target: None} if target else {}
        for emotion in left.split("+"):
            if emotion.strip() == "*":
                twice, rest = rest is not None, target
            else:
                known = _emotion(emotion)
                twice = known in of
                of[known] = target
            if twice:
                raise UserError(f"data.classes: {_shown(emotion.strip())} is named twice")
    own = {emotion: emotion if rest is None else rest for emotion in EMOTIONS if emotion not in of}
    scheme = ClassScheme(name, {**of, **own}, tuple(fixed))
    if len(set(scheme.of.values()) - {""}) < 2:
        raise UserError(f"data.classes {_shown(name)} has fewer than two classes")
    return scheme


def _emotion(text: str) -> str:
    try:
        return coded_emotion(text)
    except ValueError as error:
        raise UserError(f"data.classes: emotion {error}") from None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
