"""What a config may not be, beyond the range of each setting: said before anything is built.

In three steps, from the cheapest: `settings` needs nothing but the config, `inputs` looks
whether the files are there, `network` needs JAX.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import ml_collections

from data_builders.simulation import laboratories
from data_builders.simulation.options import from_mapping
from ethnicmer_jax.base import class_schemes, paths, reportable
from ethnicmer_jax.base import settings as table
from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.base.run_id import ALL
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.base.setting_rules import Real
from ethnicmer_jax.jobs.study import plan

SHALLOW = ("svm", "logistic")
"""Classifiers that are no network."""

MIXED = ("network+logistic",)
"""Classifiers that are the mean of a network and one of those."""

_OPTION = Real(-10_000, 10_000)
"""Numbers among the options of a backbone."""


def settings(config: ml_collections.ConfigDict) -> None:
    """Refuses settings that are not possible, one by one or together.

    Args:
      config: see configs/common.py.

    Raises:
      UserError: the message names the setting.
    """
    values = config.to_dict()
    if "sweep" in values:
        raise UserError(
            f"{values.get('name')} is a grid of jobs; run it with python -m ethnicmer_jax sweep"
        )
    table.check(values)
    class_schemes.parse(config.data.classes)
    chosen = grouping(config.protocol.grouping, config.protocol.get("grouping_custom"))
    if "simulated" in config.data.source.split("+"):
        list(laboratories.apart(from_mapping(values["data"]["simulated"])))
    if config.protocol.name == "study":
        if len(chosen.names) != 2:
            raise UserError(
                f"a study compares two groups, and protocol.grouping {chosen.name} has "
                f"{len(chosen.names)}"
            )
        plan.jobs(config)
    for reason in (*_not_to_be_peeked(values), *_contradictions(config)):
        raise UserError(reason)


def inputs(config: ml_collections.ConfigDict) -> None:
    """Refuses a config whose files are not there.

    Raises:
      UserError: the message names the setting and the path.
    """
    from data_builders.sources import registry as sources

    data = config.data
    raw = sources.places(data.source, data.raw)
    asked = [("data.raw", path, source != sources.MANIFEST) for source, path in raw.items()]
    files = {
        "data.ethnicity": data.ethnicity,
        "protocol.pool": config.protocol.pool,
    }
    asked += [(name, pathlib.Path(text), False) for name, text in files.items() if text]
    for name, path, as_folder in asked:
        if not paths.exists(path):
            raise UserError(f"{name} {paths.shown(path)} does not exist")
        if path.is_dir() != as_folder:
            raise UserError(f"{name} {path} is no {'folder' if as_folder else 'file'}")
    for name in ("path", "ethnic_path"):
        _start_is_there(f"init.{name}", config.init[name])


def _start_is_there(name: str, text: str) -> None:
    """A file of PyTorch weights, a work directory, or DIR:RUN/FOLD."""
    whole, directory = pathlib.Path(text), pathlib.Path(text.rpartition(":")[0])
    if text and not paths.exists(whole) and not (directory.name and paths.is_folder(directory)):
        raise UserError(f"{name} {text} does not exist")


def network(config: ml_collections.ConfigDict) -> None:
    """Refuses devices that are not there and networks that cannot be made; needs JAX.

    Raises:
      UserError: the message names the setting.
    """
    if config.classifier not in SHALLOW:
        from ethnicmer_jax.training import devices

        devices.check(config.engine.devices)
    elif config.shallow.features != "backbone":
        return
    from ethnicmer_jax.models import registry
    from ethnicmer_jax.training import pretrained

    model = registry.build(config.model)
    registry.image_sizes(config.model)
    for branch in ("emotion", "ethnic"):
        for option, value in registry.branch(config.model, branch).options.items():
            for number in value if isinstance(value, tuple) else (value,):
                # A bool or a text is for the backbone to judge.
                if isinstance(number, int | float) and not isinstance(number, bool):
                    table.check_value(f"model.{branch}_options: {option}", number, _OPTION)
    if config.model.emotion_options or config.model.ethnic_options:
        _can_be_made(model, registry.example_inputs(config.model))
    if config.init.ethnic_path and model.ethnic_backbone is None:
        raise UserError(
            f"init.ethnic_path names weights, and fusion {config.model.fusion} has no ethnic branch"
        )
    pretrained.read(config, model)


def has_checkpoints(config: ml_collections.ConfigDict) -> None:
    """Refuses what only a network can do, of any other classifier.

    Raises:
      UserError: the config's classifier is not a network and nothing else.
    """
    if config.classifier in MIXED:
        raise UserError(
            f"classifier {config.classifier} is the mean of a network and another classifier; "
            "this works with a network alone: train with --config.classifier=network"
        )
    if config.classifier in SHALLOW:
        raise UserError(
            f"classifier {config.classifier} keeps no checkpoints; "
            "run --mode=all, which trains it in little time, or set classifier to network"
        )


def _can_be_made(model: Any, images: Mapping[str, Any]) -> None:
    """Refuses options of a backbone that are of the right type and lead to no network."""
    import jax

    try:
        jax.eval_shape(lambda: model.init(jax.random.key(0), images, train=False))
    except (ValueError, TypeError, ZeroDivisionError, OverflowError, MemoryError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"model.emotion_options or model.ethnic_options lead to no network: {reason}"
        ) from None


def _not_to_be_peeked(config: Mapping[str, Any]) -> Iterator[str]:
    """One line for each setting under which no fold's test clips may choose its epoch."""
    if not reportable.fault(config):
        return
    protocol, setting = config["protocol"], f"protocol.peek={reportable.BEST_TEST_EPOCH}"
    if "calibration" in config or protocol["name"] == "study":
        what = "calibration" if "calibration" in config else "study"
        yield f"{setting}: a {what} draws conclusions, and none follow from such scores"
    elif protocol["name"] in (ALL, "nested"):
        yield f"{setting}: the protocol {protocol['name']} has no test clips that could choose"
    if config["classifier"] != "network":
        yield f"{setting}: classifier {config['classifier']} is no network whose epochs one chooses"
    if protocol["average_seeds"]:
        yield f"{setting}: no such scores are averaged; set protocol.average_seeds to False"
    # What a test clip has chosen is no network that anybody should use.
    if protocol["final"]:
        yield f"{setting} leaves scores and no network to use: set protocol.final to False"
    if config["checkpoint"]["keep"] != "none":
        yield f"{setting} leaves scores and no network to use: set checkpoint.keep to none"


def _contradictions(config: ml_collections.ConfigDict) -> Iterator[str]:
    """One line for each pair of settings that cannot both be meant."""
    protocol, init, model = config.protocol, config.init, config.model
    if protocol.name == "study" and protocol.final:
        yield (
            "protocol.final: a study compares, and has no one recipe to train on everybody; "
            "train final models with configs/baseline.py or configs/ethnic_aware.py"
        )
    if protocol.name == "draws" and protocol.draw == "reference" and protocol.draws > 1:
        yield f"protocol.draws is {protocol.draws}; the reference has one draw"
    for name, setting, what in (
        ("split", "split_column", "the name of a column"),
        ("hold_out", "hold_out", "database/subject,... or a file"),
    ):
        if protocol.name == name and not protocol[setting].strip():
            yield f"protocol.name={name} needs protocol.{setting}: {what}"
        elif protocol.name != name and protocol[setting]:
            yield f"protocol.{setting} is given and protocol.name is {protocol.name}, not {name}"
    if protocol.grouping_custom and protocol.grouping != "custom":
        yield (
            f"protocol.grouping_custom is given and protocol.grouping is {protocol.grouping}; "
            "set it to custom"
        )
    yield from _adaptation_faults(config)
    for prefix in ("", "ethnic_"):
        if init[f"{prefix}freeze"] and not init[f"{prefix}path"]:
            # A random backbone would be another one in every fold.
            yield (
                f"init.{prefix}freeze has nothing to freeze: name weights with init.{prefix}path"
            )
    if any(config.augment.values()):
        yield from _augmentation_faults(config)
    if config.classifier in SHALLOW:
        yield from _shallow_faults(config)
    features = config.shallow.features
    if features == "grid" and config.classifier in (*SHALLOW, *MIXED):
        stored = config.data[f"{'flow' if model.emotion_input == 'flow' else 'image'}_size"]
        size = model.image_size or stored
        if config.shallow.grid > size:
            yield (
                f"shallow.grid is {config.shallow.grid}; it must be between 1 and {size}, "
                "the image size"
            )
    if protocol.average_seeds and (protocol.seeds == 1 or protocol.name in ("study", ALL)):
        yield (
            f"protocol.average_seeds has nothing to average: protocol.seeds is {protocol.seeds}, "
            f"protocol.name is {protocol.name}"
        )


def _shallow_faults(config: ml_collections.ConfigDict) -> Iterator[str]:
    """Settings that a classifier without a network does not go with."""
    init, model = config.init, config.model
    if model.fusion != "none":
        yield (
            f"classifier {config.classifier} has no ethnic branch: set model.fusion to none "
            f"(it is {model.fusion}), or classifier to network"
        )
    features = config.shallow.features
    if init.path and features != "backbone":
        yield f"init.path names weights and shallow.features is {features}; set it to backbone"


def _augmentation_faults(config: ml_collections.ConfigDict) -> Iterator[str]:
    """Why flow cannot be augmented under a config."""
    if config.classifier in SHALLOW:
        yield f"augment.* changes what a network sees; classifier is {config.classifier}"
    if "flow" not in (config.model.emotion_input, config.model.ethnic_input):
        yield "augment.* changes flow, and no branch sees any: set model.emotion_input to flow"
    for branch, prefix in (("emotion", ""), ("ethnic", "ethnic_")):
        if config.init[f"{prefix}freeze"] and config.model[f"{branch}_input"] == "flow":
            yield (
                f"augment.* changes flow in every step, and init.{prefix}freeze computes the "
                f"features of a backbone once: unfreeze it, or leave augment.* at 0"
            )


def _adaptation_faults(config: ml_collections.ConfigDict) -> Iterator[str]:
    """Settings against the database's or the group's part that do not go together."""
    loss, model = config.loss, config.model
    if model.adversarial_target and model.fusion != "adversarial":
        yield (
            f"model.adversarial_target is {model.adversarial_target} and model.fusion is "
            f"{model.fusion}: set it to adversarial"
        )
    if model.adversarial_target == "database" and model.ethnic_labels != "annotated":
        yield (
            f"model.ethnic_labels={model.ethnic_labels} changes ethnic labels, and "
            "model.adversarial_target=database reads none: leave one of them out"
        )
    if config.data.standardise != "none":
        if "flow" not in (model.emotion_input, model.ethnic_input):
            yield "data.standardise is for flow, and no branch sees any"
        if config.classifier != "network" and config.shallow.features == "backbone":
            yield "data.standardise is for flow: set shallow.features to pixels or grid"
        if any(config.init[f"{prefix}freeze"] for prefix in ("", "ethnic_")):
            yield "data.standardise changes flow in every fold: leave init.freeze out"
        if any(config.augment.values()):
            yield "augment.* changes flow, and so does data.standardise: choose one of them"
    weighed = [name for name in ("balanced_over", "robust") if loss[name] != "none"]
    if len(weighed) > 1:
        yield "loss.balanced_over and loss.robust weigh the same clips: set one of them to none"
    if config.protocol.name == "study":
        # The data take a second to import.
        from ethnicmer_jax.data import adaptation

        for setting in adaptation.by_group(config):
            yield (
                f"{setting} weighs clips by the groups as they are, which a study gives to other "
                "subjects in its exact test: weigh databases, or leave it out"
            )
    if weighed and config.classifier != "network":
        yield f"loss.{weighed[0]} is for networks; classifier is {config.classifier}"
