"""Display rules: one rule for all at effect 0, other meanings at effect 1."""

from __future__ import annotations

import collections

import numpy as np
import pytest
from scipy import stats

from data_builders.simulation import display_rules
from data_builders.simulation.display_rules import (
    CLASSES,
    DIALECTS,
    UNIVERSAL,
    displays,
    draw_display,
)
from data_builders.simulation.motion import PULLS
from ethnicmer_jax.base import class_schemes

SHARES = dict(zip(CLASSES, (0.65, 0.20, 0.15), strict=True))


def movement_chances(ethnicity: str, effect: float) -> dict[str, dict[str, float]]:
    """Movement -> class -> joint probability, with the real databases' class shares."""
    chances: dict = collections.defaultdict(lambda: dict.fromkeys(CLASSES, 0.0))
    for emotion in CLASSES:
        for display, chance in displays(emotion, ethnicity, effect):
            codes = "+".join(map(str, display.action_units))
            chances[codes][emotion] += SHARES[emotion] * chance
    return chances


def meaning(codes: str, ethnicity: str, effect: float) -> str:
    joint = movement_chances(ethnicity, effect)[codes]
    return max(joint, key=joint.get)


@pytest.mark.parametrize("table", [UNIVERSAL, *DIALECTS.values()])
def test_tables_are_probabilities_of_displays_that_can_be_drawn(table):
    assert tuple(table) == CLASSES
    for emotion, rows in table.items():
        assert sum(chance for *_, chance in rows) == pytest.approx(1.0)
        for coded, codes, _ in rows:
            assert class_schemes.parse("3").of[coded] == emotion
            assert {int(code.lstrip("LR")) for code in codes.split("+")} <= set(PULLS)


@pytest.mark.parametrize("effect", [0.0, 0.3, 1.0])
def test_mixtures_sum_to_one(effect):
    for emotion in CLASSES:
        for ethnicity in ("White", "Asian", "Black"):
            chances = [chance for _, chance in displays(emotion, ethnicity, effect)]
            assert sum(chances) == pytest.approx(1.0)
            assert min(chances) >= 0.0


def test_effect_zero_is_one_rule_for_all():
    for emotion in CLASSES:
        assert displays(emotion, "White", 0.0)
        for ethnicity in ("Asian", "Black", "Indian", "Others"):
            reached = [
                {display: chance for display, chance in displays(emotion, group, 0.0) if chance}
                for group in ("White", ethnicity)
            ]
            assert reached[0] == reached[1]


@pytest.mark.parametrize(
    ("codes", "white", "asian"),
    [
        ("14", "negative", "positive"),
        ("1+2", "surprise", "negative"),
        ("25+26", "negative", "surprise"),
        ("L12", "positive", "negative"),
    ],
)
def test_effect_one_lets_a_movement_mean_another_emotion(codes, white, asian):
    assert meaning(codes, "White", 1.0) == white
    assert meaning(codes, "Asian", 1.0) == asian
    # As probable as the meaning is in its own group, it never occurs in the other.
    assert movement_chances("White", 1.0)[codes][asian] == 0.0
    assert movement_chances("Asian", 1.0)[codes][white] == 0.0


def test_effect_grows_with_its_number():
    # Total variation between the groups' distributions of (movement, class): exactly
    # effect * distance(dialects), since both are mixtures with the same universal part.
    def distance(effect: float) -> float:
        tables = [movement_chances(group, effect) for group in ("White", "Asian")]
        codes = set(tables[0]) | set(tables[1])
        return 0.5 * sum(abs(tables[0][c][e] - tables[1][c][e]) for c in codes for e in CLASSES)

    assert distance(0.0) == 0.0
    assert distance(1.0) > 0.5
    assert distance(0.4) == pytest.approx(0.4 * distance(1.0))


def counts(ethnicity: str, effect: float, seed: int, draws: int = 3000) -> collections.Counter:
    rng = np.random.default_rng(seed)
    emotions = rng.choice(CLASSES, size=draws, p=list(SHARES.values()))
    drawn = (draw_display(rng, emotion, ethnicity, effect) for emotion in emotions)
    return collections.Counter((d.emotion, d.action_units) for d in drawn)


def p_value(effect: float) -> float:
    tables = [counts("White", effect, seed=1), counts("Asian", effect, seed=2)]
    cells = sorted(set(tables[0]) | set(tables[1]))
    return stats.chi2_contingency([[table[cell] for cell in cells] for table in tables]).pvalue


def test_draws_follow_the_rules():
    # Under equal distributions p is uniform: below .001 once in a thousand seeds.
    assert p_value(0.0) > 0.001
    # At effect 1 most cells are empty in one group: chi² is of the order of the draws,
    # 6000, on about 25 degrees of freedom.
    assert p_value(1.0) < 1e-12


def test_both_sides_are_drawn_equally_often():
    # "L12" has 15% of positive displays: 600 of 4000, each side 300 ± 17 (binomial).
    rng = np.random.default_rng(0)
    drawn = [draw_display(rng, "positive", "Black", 0.0) for _ in range(4000)]
    sides = collections.Counter(
        au.side for display in drawn for au in display.action_units if au.side
    )
    assert set(sides) == {"L", "R"}
    assert abs(sides["L"] - sides["R"]) < 4 * np.sqrt(sum(sides.values()))


def test_other_ethnicities_keep_the_universal_rules():
    for ethnicity in ("Black", "Indian", "Others"):
        assert ethnicity not in display_rules.DIALECT_OF
        for emotion in CLASSES:
            strong, none = (dict(displays(emotion, ethnicity, effect)) for effect in (1.0, 0.0))
            assert strong == pytest.approx(none)
