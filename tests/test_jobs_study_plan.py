"""Which jobs a study consists of."""

import pytest

from configs import study as study_config
from ethnicmer_jax.jobs.study import plan


def test_without_a_choice_all_jobs_are_run_that_the_classifier_can_do():
    made = study_config.get_config()
    assert len(plan.jobs(made)) == 11
    made.classifier = "svm"
    assert [one.name for one in plan.jobs(made)] == ["arms", "exact", "pooled"]


def test_jobs_differ_in_what_they_are_about():
    made = study_config.get_config()
    found = {one.name: one.config(made) for one in plan.jobs(made)}
    assert found["arms"].protocol == made.protocol
    assert found["exact"].protocol == made.protocol
    assert {c.protocol.name for n, c in found.items() if n not in ("arms", "exact")} == {"loso"}
    assert found["bias_constant"].model.fusion == "bias"
    assert found["bias_constant"].model.ethnic_labels == "constant"
    assert found["embed_swapped"].model.ethnic_labels == "swapped"
    assert found["pooled"].protocol.seeds == 5
    assert found["pooled"].name == "study.pooled"


@pytest.mark.parametrize("variant", ["", "logistic", "smoke", "reference"])
def test_every_variant_is_a_study(variant):
    made = study_config.get_config(variant)
    assert made.protocol.name == "study"
    assert plan.jobs(made)[0].name == "arms"


def test_another_variant_is_refused():
    with pytest.raises(
        ValueError, match="variant 'tiny': choose one of logistic, reference, smoke"
    ):
        study_config.get_config("tiny")
