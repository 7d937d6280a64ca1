"""Which jobs a study consists of: settings that are changed, nothing is run here.

`arms` trains all draws of all contrasts, `exact` those of the randomisation test (see
`jobs.study.exact`), whose models are in no table of predictions. The other jobs are LOSO over
everybody:
`pooled` without ethnicity, and models that are told the ethnicity, `embed` (its embedding
conditions the network) and `bias` (it shifts the classes), each with true labels and
with labels that are wrong on purpose.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import ml_collections

from ethnicmer_jax.base.contrast_roles import MAIN
from ethnicmer_jax.base.run_id import POOLED, WRONG_LABELS, RunId, wrongly_told
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.base.setting_rules import written


@dataclasses.dataclass(frozen=True)
class Job:
    """One work directory of a study.

    Attributes:
      name: of the job, and of its directory.
      settings: dotted name -> value, what differs from the study's own config.
      trained_by: the job whose checkpoints this one is predicted from; "" trains its own.
    """

    name: str
    settings: Mapping[str, object]
    trained_by: str = ""

    def config(self, study: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
        """The job's own config, made from the study's."""
        made = study.copy_and_resolve_references()
        with made.unlocked():
            name = {"name": f"{study.name}.{self.name}"}
            made.update_from_flattened_dict({**self.settings, **name})
        return made

    def run_id(self, run: RunId) -> RunId:
        """What a run of this job is called among those of the whole study."""
        return run if self.name == ARMS else dataclasses.replace(run, job=self.name)


ARMS = "arms"
EXACT = "exact"
_WITHOUT_LABELS = (ARMS, EXACT, POOLED)


def jobs(config: ml_collections.ConfigDict) -> tuple[Job, ...]:
    """The jobs that `config.study.jobs` names, or all that the classifier can do.

    Raises:
      UserError: a job is not known, or needs another one or another classifier.
    """
    network = config.classifier == "network"
    known = {job.name: job for job in _all(config)}
    allowed = tuple(known) if network else _WITHOUT_LABELS
    chosen = tuple(config.study.jobs) or tuple(name for name in allowed if _asked(name, config))
    for name in chosen:
        if name not in known:
            raise UserError(f"study.jobs names {name!r}; choose from {', '.join(known)}")
        if name not in allowed:
            possible = [job for job in allowed if job in chosen] or _WITHOUT_LABELS
            raise UserError(
                f"job {name} needs a network; classifier is {config.classifier}; set "
                f"'--config.study.jobs={written(possible)}'"
            )
        if name == EXACT and not _asked(name, config):
            raise UserError(
                "job exact needs study.relabellings above 0, and the contrast ethnicity"
            )
        if (needed := known[name].trained_by) and needed not in chosen:
            raise UserError(f"job {name} uses the models of {needed}; name it in study.jobs, too")
    if chosen == (EXACT,):
        raise UserError("job exact alone leaves no predictions; name arms in study.jobs, too")
    return tuple(job for name, job in known.items() if name in chosen)


def _asked(name: str, config: ml_collections.ConfigDict) -> bool:
    """Whether a job is wanted where none is named: the randomisation test has settings of its own.

    A study without the main contrast has nothing that it could test.
    """
    contrasts = tuple(config.protocol.contrasts)
    return name != EXACT or (config.study.relabellings > 0 and (not contrasts or MAIN in contrasts))


def _all(config: ml_collections.ConfigDict) -> list[Job]:
    """Every job, each after the one whose checkpoints it needs."""
    plain = {"model.fusion": "none"}
    pooled = {"protocol.name": "loso", "protocol.seeds": config.study.pooled_seeds, **plain}
    made = [
        Job(ARMS, {**plain, "checkpoint.keep": "none"}),
        Job(EXACT, {**plain, "checkpoint.keep": "none"}),
        Job(POOLED, {**pooled, "checkpoint.keep": "final"}),
    ]
    for fusion in ("embed", "bias"):
        told = pooled | {
            "protocol.seeds": config.study.label_seeds,
            "model.fusion": fusion,
            "model.embed_source": "label",
        }
        made.append(Job(fusion, {**told, "checkpoint.keep": "final"}))
        for labels in WRONG_LABELS:
            settings = {**told, "model.ethnic_labels": labels}
            # The same models, told otherwise; the others learn from wrong labels.
            trained_by = fusion if labels == "swapped" else ""
            keep = "final" if trained_by else "none"
            settings |= {"checkpoint.keep": keep}
            made.append(Job(wrongly_told(fusion, labels), settings, trained_by))
    return made
