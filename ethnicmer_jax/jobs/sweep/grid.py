"""From a config with a grid in it to the points of the grid: ordinary configs with names.

`config.sweep` holds either `product`, a mapping from fields to the values that each takes
(every combination is a point), or `points`, a tuple of mappings from fields to values. A
field is written with its dots: "optim.epochs". Nothing is run here.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import ml_collections

from ethnicmer_jax.base import settings
from ethnicmer_jax.base.run_id import ALL
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import check

_MOST = 100
"""Characters of a name; file systems take 255 bytes, and a job's paths go on from there."""


@dataclasses.dataclass(frozen=True)
class Point:
    """One point of a grid.

    Attributes:
      name: of its directory: readable, and the same whatever other points there are.
      overrides: field -> value, what distinguishes it from the base config.
      config: what `job.run` takes; locked, without the grid.
    """

    name: str
    overrides: Mapping[str, Any]
    config: ml_collections.ConfigDict


def points(config: ml_collections.ConfigDict) -> list[Point]:
    """The points of a config's grid, in order; the last axis of a product varies fastest.

    Raises:
      UserError: there is no grid, it is not of one of the two forms, it names an unknown
        field, gives a value that the field cannot have, or repeats a point.
    """
    base = config.to_dict()
    grid = base.pop("sweep", None)
    fields = dict(settings.flattened(base))
    made = [_point(base, fields, overrides) for overrides in _overrides(grid)]
    seen: dict[str, int] = {}
    for number, point in enumerate(made, start=1):
        if point.name in seen:
            raise UserError(f"points {seen[point.name]} and {number} are both {point.name}")
        seen[point.name] = number
        try:
            check.settings(point.config)
            if point.config.protocol.name == ALL:
                raise UserError("protocol.name=all gives no scores that points could be ranked by")
        except UserError as error:
            raise UserError(f"point {point.name}: {error}") from None
    return made


def share(points: Sequence[Point], shard: str) -> list[Point]:
    """The points of one shard: dealt out in turn, so that neighbours fall to different ones.

    Args:
      points: all of them.
      shard: "i/n" with i from 1 to n.

    Raises:
      UserError: `shard` is something else.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", shard)
    number, count = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= count:
        raise UserError(
            f"--shard={shard} must be i/n with i from 1 to n; for SLURM: --array=1-n and "
            "--shard=$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
        )
    return list(points[number - 1 :: count])


def _overrides(grid: Any) -> list[Mapping[str, Any]]:
    if not isinstance(grid, Mapping) or len(grid) != 1:
        raise UserError(
            "the config must have config.sweep with either product or points, "
            "see configs/ablation.py"
        )
    ((form, given),) = grid.items()
    if form == "product":
        return list(_product(given))
    if form == "points":
        if not isinstance(given, tuple | list) or not given:
            raise UserError("sweep.points must be a tuple of one or more dicts")
        for number, overrides in enumerate(given, start=1):
            if not isinstance(overrides, Mapping):
                raise UserError(f"sweep.points: point {number} is {overrides!r}, not a dict")
        return list(given)
    raise UserError(f"config.sweep has {form!r}; it must have product or points")


def _product(axes: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(axes, Mapping) or not axes:
        raise UserError("sweep.product must be a dict of one or more fields")
    for field, values in axes.items():
        if not isinstance(values, tuple | list) or not values:
            raise UserError(f"sweep.product: {field} needs a tuple of values, not {values!r}")
    for values in itertools.product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


def _point(
    base: Mapping[str, Any], fields: Mapping[str, Any], overrides: Mapping[str, Any]
) -> Point:
    config = ml_collections.ConfigDict(base).lock()
    for field, value in overrides.items():
        _set(config, fields, field, value)
    name = _name(fields, overrides)
    config.name = f"{config.name}, {name}"
    return Point(name, dict(overrides), config)


def _set(
    config: ml_collections.ConfigDict, fields: Mapping[str, Any], field: str, value: Any
) -> None:
    if field not in fields:
        raise UserError(f"sweep: {settings.unknown(field, list(fields))}")
    *sections, last = field.split(".")
    section = config
    for name in sections:
        section = section[name]
    if isinstance(section[last], str) and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # data.classes
    try:
        section[last] = value
    except (TypeError, ValueError, KeyError):
        old = fields[field]
        raise UserError(
            f"sweep: {field} cannot be {value!r}; its type is {type(old).__name__}, as of {old!r}"
        ) from None


def _name(fields: Mapping[str, Any], overrides: Mapping[str, Any]) -> str:
    """`fusion=embed,epochs=40`, made fit for a directory."""
    wanted = ",".join(
        f"{_short(field, fields)}={_text(value)}" for field, value in overrides.items()
    )
    name = re.sub(r"[^\w.,=+-]", "_", wanted)[:_MOST] or "base"
    # Where something was lost two points may have the same name: the checksum tells them apart.
    return name if name == (wanted or name) else f"{name}-{zlib.crc32(wanted.encode()):08x}"


def _short(field: str, fields: Mapping[str, Any]) -> str:
    """The shortest end of a dotted name that is the end of no other, or the whole of it."""
    parts = field.split(".")
    ends = (".".join(parts[start:]) for start in range(len(parts) - 1, -1, -1))
    clear = (end for end in ends if sum(f".{f}".endswith(f".{end}") for f in fields) == 1)
    return next(clear, field)


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "+".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
