"""Settings that do not go together, files that are not there, networks that cannot be made."""

import pytest
import worlds

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import check


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"data__classes": "8"}, r"data\.classes '8' is no class scheme: use one of 3, 2, 4, 5"),
        (
            {"classifier": "logistic", "augment__rotation": 5.0},
            r"augment\.\* changes what a network sees; classifier is logistic",
        ),
        (
            {"model__emotion_input": "apex", "model__ethnic_input": "apex", "augment__zoom": 0.1},
            r"augment\.\* changes flow, and no branch sees any",
        ),
        ({"augment__noise": 0.1, "init__freeze": True, "init__path": "w.pth"}, "unfreeze it"),
        ({"init__freeze": True}, r"init\.freeze has nothing to freeze"),
        ({"init__ethnic_freeze": True}, r"init\.ethnic_freeze .* with init\.ethnic_path"),
        ({"classifier": "svm", "model__fusion": "embed"}, r"svm has no ethnic branch: set model"),
        (
            {"classifier": "svm", "shallow__features": "grid", "init__path": "w.pth"},
            r"init\.path names weights and shallow\.features is grid",
        ),
        (
            {"classifier": "logistic", "shallow__features": "grid", "shallow__grid": 29},
            "between 1 and 28",
        ),
        (
            {"protocol__name": "draws", "protocol__draw": "reference", "protocol__draws": 2},
            "the reference has one draw",
        ),
        ({"data__simulated__cohorts": "martians"}, "cohort 'martians' does not read"),
        (
            {"protocol__grouping": "custom", "protocol__grouping_custom": "asian=Asian"},
            "needs at least two groups",
        ),
        *(
            (
                {
                    "protocol__grouping": "custom",
                    "protocol__grouping_custom": f"{name}=Asian;other=White",
                },
                f"group '{name}' .* give it a plain name",
            )
            for name in ("north.asia", "a/b", "stereo", "a-seed0")
        ),
        (
            {
                "protocol__name": "study",
                "protocol__grouping": "custom",
                "protocol__grouping_custom": "a=Asian;b=White;c=Black",
            },
            "a study compares two groups",
        ),
        ({"protocol__name": "split"}, "name=split needs protocol.split_column: the name of a col"),
        ({"protocol__name": "hold_out"}, "name=hold_out needs protocol.hold_out: database/subject"),
        (
            {"protocol__hold_out": "samm/006"},
            "hold_out is given and protocol.name is loso, not hol",
        ),
        ({"protocol__name": "study", "study__jobs": ("bias_swapped",)}, "uses the models of bias"),
        (
            {"sweep": {"product": {}}},
            "is a grid of jobs; run it with .* sweep",
        ),
        ({"optim__epoch": 3}, r"no setting 'optim\.epoch'; did you mean optim\.epochs"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused_in_one_line(overrides, reason):
    with pytest.raises(UserError, match=reason) as caught:
        check.settings(worlds.config(**overrides))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"data__source": "manifest"}, r"source manifest needs --raw \(data\.raw\)"),
        ({"data__source": "casme2"}, r"source casme2 needs --raw \(data\.raw\)"),
        ({"data__source": "manifest", "data__raw": "gone.csv"}, r"data\.raw gone\.csv does not ex"),
        ({"data__source": "manifest", "data__raw": "."}, r"data\.raw \. is no file"),
        ({"data__source": "samm", "data__raw": __file__}, r"data\.raw .* is no folder"),
        ({"data__source": "casme2+samm", "data__raw": "casme2=."}, "no place for samm"),
        (
            {"data__source": "casme2+samm", "data__raw": "casme2=.,samm=gone"},
            r"data\.raw gone does not exist",
        ),
        ({"data__source": "smic+smic_vis", "data__raw": "."}, "show the same people"),
        ({"data__ethnicity": "gone.csv"}, r"data\.ethnicity gone\.csv does not exist"),
        ({"protocol__pool": "gone.csv"}, r"protocol\.pool gone\.csv does not exist"),
        ({"init__path": "gone.pth"}, r"init\.path gone\.pth does not exist"),
        ({"init__ethnic_path": "gone.pth"}, r"init\.ethnic_path gone\.pth does not exist"),
    ],
    ids=str,
)
def test_files_that_are_not_there_are_named(overrides, reason):
    with pytest.raises(UserError, match=reason) as caught:
        check.inputs(worlds.config(**overrides))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"engine__devices": 99}, r"engine\.devices is 99 and there are \d+"),
        ({"model__image_size": 7}, "does not take 7 px images"),
        ({"model__ethnic_image_size": 7}, "does not take 7 px images"),
        ({"model__emotion_options": "padding"}, "is not name=value"),
        ({"model__emotion_options": "padding=1000000"}, "padding is 1000000; it must be"),
        ({"model__ethnic_options": "dropout=nan"}, "dropout is nan; it must be"),
        ({"model__emotion_options": "paddings=2"}, "has no option 'paddings'"),
        ({"init__ethnic_path": __file__}, "fusion none has no ethnic branch"),
        ({"init__path": __file__}, r"test_jobs_check\.py"),
    ],
    ids=str,
)
def test_networks_and_devices_that_cannot_be_are_refused(overrides, reason):
    with pytest.raises(UserError, match=reason) as caught:
        check.network(worlds.config(**overrides))
    assert "\n" not in str(caught.value)


def test_the_grid_has_to_fit_into_what_the_network_sees():
    grid = {"classifier": "svm", "shallow__features": "grid", "shallow__grid": 40}
    check.settings(worlds.config(**grid, data__flow_size=56))
    check.settings(worlds.config(**grid, model__image_size=64))
    check.settings(worlds.config(**grid, model__emotion_input="apex"))
    check.network(worlds.config(**grid))
