"""Shared fixtures. Several CPU devices, so that `pmap` is really exercised."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
_COUNT = "--xla_force_host_platform_device_count"
if _COUNT not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_COUNT}=4".strip()

import pathlib

import pytest

SHARED_DATA = pathlib.Path(__file__).resolve().parents[2] / "shared" / "data"


def _shared(relative: str) -> pathlib.Path:
    path = SHARED_DATA / relative
    if not path.exists():
        pytest.skip(f"the research data are not here ({relative}); they are never committed")
    return path


@pytest.fixture(scope="session")
def real_manifest() -> pathlib.Path:
    """The manifest of the 278 real optical-flow clips."""
    return _shared("flow_images/manifest.csv")


@pytest.fixture(scope="session")
def annotations() -> pathlib.Path:
    """The folder of the reference's annotation tables."""
    return _shared("annotations")
