"""The study: is recognition ethnic-leaning, once database, class balance and chance are ruled out?

Mono against stereo and who is trained on whom, in 100 matched draws; the same within one
database; placebo groups, databases as if they were groups, errors of the annotator and
other groupings as controls; and models that are told the ethnicity, truly or not.
The groups are Asian against every other known ethnicity (`protocol.grouping=strict`).
Command: python -m ethnicmer_jax.main --config=configs/study.py --workdir=runs/study
  on real clips: --config.data.source=manifest --config.data.raw=PATH/manifest.csv
  fewer draws: --draws=20
  the reference's own comparison beside it: --config.protocol.pool=JOINT_TABLE.csv
  that alone: --config=configs/study.py:reference --config.protocol.pool=JOINT_TABLE.csv
  on simulated clips, to see that it works: --config=configs/study.py:smoke
  on three simulated laboratories, two with both groups: --config=configs/study.py:laboratories
  by logistic regression: --config=configs/study.py:logistic
Run time: 15 minutes on 2 CPU cores for 278 clips (22,482 folds and the exact test's 3,200
models), 27 minutes of CPU. By logistic regression the whole study took 5 of CPU.
Expected on those 278 clips: own-group advantage +.050 [-.003, +.105] in UF1; beyond relabelled
groups +.003 [-.029, +.044] in mean probability of the true class (p = 1.00).
Size on those 278 clips: 20,543 folds of draws and 884 of LOSO, in 11 jobs with the exact test.
20 epochs in batches of 16 scored as 40 in batches of 32 did on them (UF1 of all cells .686
and .693 in two draws), in half the time.
"""

from configs import common


def get_config(variant: str = ""):
    """The full study; `reference`, the reference's one draw; `smoke`, to see that it works;
    `logistic`, by logistic regression; `laboratories`, three simulated ones.
    """
    if variant not in VARIANTS:
        known = ", ".join(filter(None, VARIANTS))
        raise ValueError(f"variant {variant!r}: choose one of {known}, or none for all")
    config = common.get_config()
    config.name = f"study:{variant}" if variant else "study"
    config.protocol.name = "study"
    config.protocol.draws = 100
    config.protocol.subjects = 0
    config.optim.epochs = 20
    config.optim.batch_size = 16
    config.study.relabellings = 199
    VARIANTS[variant](config)
    return config


def _full(config):
    del config


def _logistic(config):
    config.classifier = "logistic"
    config.shallow.features = "grid"


def _reference(config):
    config.protocol.contrasts = ("reference",)
    config.protocol.draws = 1
    config.protocol.grouping = "reference"
    config.study.jobs = ("arms",)


def _smoke(config):
    config.data.simulated.cohorts = "simcasme2:Asian:4,simsamm:Asian:3:grey,simsamm:White:5:grey"
    config.data.simulated.clips_per_subject = 6.0
    config.data.detector = "none"
    config.data.flow_method = "dis"
    config.protocol.draws = 2
    config.protocol.control_draws = 1
    config.study.jobs = ("arms", "exact", "pooled", "embed", "embed_swapped")
    config.study.relabellings = 39
    config.study.exact_draws = 1
    config.study.exact_folds = 2
    config.study.pooled_seeds = 1
    config.study.label_seeds = 1
    config.optim.epochs = 2


def _laboratories(config):
    """Two laboratories with both groups, one with one group; each records in its own way."""
    config.data.simulated.cohorts = (
        "simcasme2:Asian:8,simcasme2:White:8,simsamm:Asian:8:grey,simsamm:White:8:grey,"
        "simmmew:Asian:10"
    )
    config.data.simulated.laboratories = (
        "simcasme2:sensor_noise=2.5,jpeg=80;"
        "simsamm:lighting=2,intensity=2.2,class_shares=0.5,0.3,0.2;"
        "simmmew:head_jitter=0.6,intensity=3.2,class_shares=0.4,0.4,0.2,mixed=0.1"
    )


VARIANTS = {
    "": _full,
    "logistic": _logistic,
    "reference": _reference,
    "smoke": _smoke,
    "laboratories": _laboratories,
}
