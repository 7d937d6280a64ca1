"""What an export is asked for, and the networks that it takes."""

from __future__ import annotations

import dataclasses
import pathlib

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import check
from ethnicmer_jax.training import saved_network
from ethnicmer_jax.training.saved_network import SavedNetwork

STABLEHLO, SAFETENSORS = "stablehlo", "safetensors"
FORMATS = (STABLEHLO, SAFETENSORS)
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
_ENDS = {".zip": STABLEHLO, ".safetensors": SAFETENSORS}


@dataclasses.dataclass(frozen=True)
class Request:
    """What an export is asked for.

    Attributes:
      directory: the work directory.
      output: the file.
      format: one of FORMATS.
      member: "run/fold" of one network; "" for the final models.
      branch: "emotion" or "ethnic", whose weights safetensors hold.
      platforms: out of PLATFORMS, that the StableHLO is lowered for.
      overwrite: whether `output` may be there already.

    Raises:
      UserError: something that is not possible.
    """

    directory: pathlib.Path
    output: pathlib.Path
    format: str
    member: str = ""
    branch: str = "emotion"
    platforms: tuple[str, ...] = ("cpu", "cuda", "tpu")
    overwrite: bool = True

    def __post_init__(self) -> None:
        for platform in self.platforms:
            if platform not in PLATFORMS:
                raise UserError(
                    f"--platforms names {platform!r}; choose from {', '.join(PLATFORMS)}"
                )
        if not self.platforms:
            raise UserError(f"--platforms names none; choose from {', '.join(PLATFORMS)}")


def format_of(output: pathlib.Path) -> str:
    """The format that the end of a file's name asks for.

    Raises:
      UserError: it asks for none.
    """
    if output.suffix not in _ENDS:
        raise UserError(f"--output={output} must end in {' or '.join(_ENDS)}")
    return _ENDS[output.suffix]


def networks(request: Request) -> tuple[SavedNetwork, ...]:
    """The network that is asked for, or the final models of all seeds.

    Raises:
      UserError: there is none, or it is half of a classifier of two kinds.
    """
    if request.member:
        found: tuple[SavedNetwork, ...] = (
            saved_network.find(f"{request.directory}:{request.member}"),
        )
    else:
        found = saved_network.final(request.directory)
    check.has_checkpoints(found[0].config)
    return found
