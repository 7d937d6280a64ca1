"""constraints/ holds both ends of what pyproject.toml allows, or `make constraints` is due."""

import pathlib
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = pathlib.Path(__file__).resolve().parents[1]


def allowed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return map(Requirement, [*project["dependencies"], *project["optional-dependencies"]["test"]])


@pytest.mark.parametrize("bound", ["lowest", "newest"])
def test_every_dependency_is_held_at_a_version_that_is_allowed(bound):
    held = {}
    for line in (ROOT / "constraints" / f"{bound}.txt").read_text().splitlines():
        if not line.startswith("#"):
            one = Requirement(line)
            held.setdefault(canonicalize_name(one.name), []).append(one.specifier)
    for wanted in allowed():
        found = held[canonicalize_name(wanted.name)]
        versions = [next(iter(specifier)).version for specifier in found]
        assert all(map(wanted.specifier.contains, versions)), (wanted, versions)
        if bound == "lowest":
            # The oldest that exists: its first numbers are those of the bound.
            least = next(s.version for s in wanted.specifier if s.operator in (">=", "==")).split(
                "."
            )
            assert versions[0].split(".")[: len(least)] >= least
