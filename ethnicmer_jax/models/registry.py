"""From names in a config to models, with every wrong name or size caught in one line."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import ml_collections
from flax import linen as nn

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.models import fusion as fusions
from ethnicmer_jax.models import options as option_text
from ethnicmer_jax.models.backbones.dual_atme import DualATME
from ethnicmer_jax.models.backbones.dual_inception import DualInception
from ethnicmer_jax.models.backbones.htnet import HTNet
from ethnicmer_jax.models.backbones.off_apexnet import OffApexNet
from ethnicmer_jax.models.backbones.rcn import RCN
from ethnicmer_jax.models.backbones.resnet18 import ResNet18
from ethnicmer_jax.models.backbones.ststnet import STSTNet
from ethnicmer_jax.models.backbones.swin_b import Swin
from ethnicmer_jax.models.backbones.tiny_vit import tiny_vit_5m, tiny_vit_21m
from ethnicmer_jax.models.backbones.vgg_face import VGGFace
from ethnicmer_jax.models.classifier import EthnicAwareClassifier

ModelConfig: TypeAlias = Mapping[str, Any] | ml_collections.ConfigDict
"""The settings of a model by name; those left out have their defaults."""


class SizeError(UserError):
    """A backbone does not take images of that size."""


@dataclasses.dataclass(frozen=True)
class BackboneSpec:
    """What the registry knows of a backbone.

    Attributes:
      make: builds the Linen module from its options.
      default_size: image width and height in px.
      minimum: smallest allowed size.
      multiple: allowed sizes are multiples of it.
    """

    make: Callable[..., nn.Module]
    default_size: int
    minimum: int
    multiple: int = 1


BACKBONES: Mapping[str, BackboneSpec] = {
    "ststnet": BackboneSpec(STSTNet, 28, minimum=28),
    "off_apexnet": BackboneSpec(OffApexNet, 28, minimum=8),
    "dual_inception": BackboneSpec(DualInception, 28, minimum=8),
    "rcn": BackboneSpec(RCN, 28, minimum=12),
    "dual_atme": BackboneSpec(DualATME, 28, minimum=8, multiple=4),
    "htnet": BackboneSpec(HTNet, 28, minimum=28, multiple=28),
    "resnet18": BackboneSpec(ResNet18, 224, minimum=32),
    "tiny_vit_5m": BackboneSpec(tiny_vit_5m, 224, minimum=32, multiple=32),
    "tiny_vit_21m": BackboneSpec(tiny_vit_21m, 224, minimum=32, multiple=32),
    "swin_b": BackboneSpec(Swin, 224, minimum=32, multiple=32),
    "vgg_face": BackboneSpec(VGGFace, 224, minimum=32, multiple=32),
}

FUSIONS: Mapping[str, type[fusions.Fusion]] = {
    "none": fusions.NoFusion,
    "bias": fusions.Bias,
    "mtl": fusions.MultiTask,
    "concat": fusions.Concat,
    "mean": fusions.Mean,
    "embed": fusions.Embed,
    "adversarial": fusions.Adversarial,
}


class Branch(NamedTuple):
    """What a config says of one branch.

    Attributes:
      name: one of BACKBONES.
      image_size: px.
      options: fields of the backbone's module that differ from its defaults.
    """

    name: str
    image_size: int
    options: dict[str, Any]


_NOT_OPTIONS = ("parent", "name")
"""Fields of every Linen module, which Linen sets."""
_DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


def build(config: ModelConfig) -> EthnicAwareClassifier:
    """Builds the classifier that a config describes.

    Args:
      config: a mapping (an ml_collections.ConfigDict is one) with
        fusion: one of FUSIONS; default "none".
        emotion_backbone: one of BACKBONES; default "ststnet".
        ethnic_backbone: the same; default the emotion branch's.
        emotion_options, ethnic_options: further fields of the backbone modules, as text
          (see `options.parse`) or as a mapping.
        image_size, ethnic_image_size: px; 0 (default) is the backbone's own.
        n_emotions (3), n_ethnicities (5): numbers of classes.
        dropout (0.0): on each branch's features.
        embed_source and so on, adversarial_strength and so on: fields of `fusion.Embed` and
          `fusion.Adversarial`, which have the defaults.
        compute_dtype: "float32" (default) or "bfloat16"; parameters stay float32.

    Returns:
      The Linen module; `image_sizes(config)` gives the sizes of its inputs.

    Raises:
      UserError: a name, size or option is not one of those allowed.
    """
    fusion = _fusion(config)
    dtype = _choose("compute_dtype", config.get("compute_dtype", "float32"), _DTYPES)

    def module(which: str) -> nn.Module:
        name, size, options = branch(config, which)
        return backbone(name, image_size=size, dtype=dtype, **options)

    return EthnicAwareClassifier(
        emotion_backbone=module("emotion"),
        ethnic_backbone=module("ethnic") if fusion.needs_ethnic_branch else None,
        fusion=fusion,
        dropout=config.get("dropout", 0.0),
    )


def image_sizes(config: ModelConfig) -> dict[str, int]:
    """The image size in px of the branches "emotion" and "ethnic".

    Raises:
      UserError: a backbone does not exist or does not take that size.
    """
    return {which: branch(config, which).image_size for which in ("emotion", "ethnic")}


def branch(config: ModelConfig, which: str) -> Branch:
    """What a config says of the branch "emotion" or "ethnic".

    Raises:
      UserError: a backbone does not exist or does not take that size, or the options are
        not options at all.
    """
    emotion = config.get("emotion_backbone", "ststnet")
    name = emotion if which == "emotion" else config.get("ethnic_backbone", "") or emotion
    prefix = "" if which == "emotion" else "ethnic_"
    size = _checked_size(name, config.get(f"{prefix}image_size", 0))
    setting = f"model.{which}_options"
    options = option_text.parse(config.get(f"{which}_options", ""), setting)
    elsewhere = {"dtype": "model.compute_dtype", "image_size": f"model.{prefix}image_size"}
    for option in elsewhere.keys() & options.keys():
        raise UserError(f"{setting}: {option} is set by {elsewhere[option]}")
    return Branch(name, size, options)


def backbone(name: str, /, *, image_size: int = 0, **options: Any) -> nn.Module:
    """Builds one backbone.

    Args:
      name: one of BACKBONES.
      image_size: px, only checked; 0 is the backbone's own.
      **options: fields of its module, such as `dtype`.

    Returns:
      A module that maps [batch, H, W, 3] to float32 [batch, features].

    Raises:
      UserError: the name, size or an option is not one of those allowed.
    """
    _checked_size(name, image_size)
    plain = BACKBONES[name].make()
    fields = [field.name for field in dataclasses.fields(plain)]
    usual = {field: getattr(plain, field) for field in fields if field not in _NOT_OPTIONS}
    for option, value in options.items():
        if option not in usual:
            raise UserError(
                f"backbone {name!r} has no option {option!r}; it has {', '.join(usual)}"
            )
        if not _alike(value, usual[option]):
            raise UserError(
                f"backbone {name!r} does not take {option}={value!r}; "
                f"a value like {usual[option]!r} does"
            )
    return BACKBONES[name].make(**options)


def input_size(name: str) -> int:
    """The default image width and height in px of a backbone.

    Raises:
      UserError: there is no backbone of that name.
    """
    return _choose("backbone", name, BACKBONES).default_size


def example_inputs(config: ModelConfig, batch: int = 1) -> dict[str, jax.Array]:
    """Zeros of the shapes that the classifier of `config` takes, for `init`."""
    sizes = image_sizes(config)
    images = {which: jnp.zeros((batch, size, size, 3)) for which, size in sizes.items()}
    return {**images, "ethnicity": jnp.zeros(batch, jnp.int32)}


def _fusion(config: ModelConfig) -> fusions.Fusion:
    name = config.get("fusion", "none")
    make = _choose("fusion", name, FUSIONS)
    counts = (config.get("n_emotions", 3), config.get("n_ethnicities", 5))
    usual = make(*counts)
    fields = {field.name for field in dataclasses.fields(make)}
    own = fields - {field.name for field in dataclasses.fields(fusions.Fusion)}
    options = {each: config.get(f"{name}_{each}", getattr(usual, each)) for each in own}
    if name == "embed":
        _choose("embed_source", options["source"], dict.fromkeys(fusions.EMBED_SOURCES))
    return make(*counts, **options)


def _checked_size(name: str, size: int) -> int:
    spec = _choose("backbone", name, BACKBONES)
    size = size or spec.default_size
    if size < spec.minimum or size % spec.multiple:
        step = f" in steps of {spec.multiple}" if spec.multiple > 1 else ""
        raise SizeError(
            f"backbone {name!r} does not take {size} px images; "
            f"sizes from {spec.minimum} px{step} do, {spec.default_size} is usual"
        )
    return size


def _alike(value: Any, usual: Any) -> bool:
    """Whether a value is of the type of the usual one; a whole number is a float, too."""
    if isinstance(usual, bool | str | int):
        return type(value) is type(usual)
    if isinstance(usual, float):
        return type(value) in (int, float)
    if isinstance(usual, tuple):
        return (
            isinstance(value, tuple | list)
            and len(value) == len(usual)
            and all(map(_alike, value, usual))
        )
    return True


def _choose(what: str, name: str, choices: Mapping[str, Any]) -> Any:
    if name not in choices:
        raise UserError(f"there is no {what} {name!r}; choose one of {', '.join(choices)}")
    return choices[name]
