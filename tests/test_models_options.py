"""Options of a backbone as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethnicmer_jax import models
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.models import options

VALUES = (
    st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(st.integers(0, 99), min_size=2, max_size=5).map(tuple)
    | st.sampled_from(["same", "valid_2"])
)


def as_text(value):
    return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)


@given(st.dictionaries(st.from_regex(r"[a-z][a-z_]{0,9}", fullmatch=True), VALUES, max_size=4))
def test_text_says_the_same_as_a_mapping(pairs):
    text = ", ".join(f"{name}={as_text(value)}" for name, value in pairs.items())
    found = options.parse(text, "model.emotion_options")
    assert found == pairs
    assert {k: type(v) for k, v in found.items()} == {k: type(v) for k, v in pairs.items()}
    assert options.parse(pairs, "model.emotion_options") == pairs


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("padding", "'padding' is not name=value"),
        ("=2", "'=2' is not name=value"),
        ("padding=", "'padding=' is not name=value"),
        ("padding=1,padding=2", "padding comes twice"),
    ],
)
def test_what_is_no_option_is_named(text, reason):
    with pytest.raises(UserError, match=f"^model.ethnic_options: .*{reason}"):
        options.parse(text, "model.ethnic_options")


def test_a_model_is_built_from_text():
    config = {
        "fusion": "concat",
        "emotion_options": "padding=2,dropout=0.5",
        "ethnic_backbone": "resnet18",
        "ethnic_options": "widths=8+8+16+16",
    }
    model = models.build(config)
    assert (model.emotion_backbone.padding, model.emotion_backbone.dropout) == (2, 0.5)
    assert model.ethnic_backbone.widths == (8, 8, 16, 16)


@pytest.mark.parametrize(
    ("backbone", "text", "reason"),
    [
        ("ststnet", "padding=wide", "padding='wide'; a value like 1 does"),
        ("ststnet", "padding=true", "padding=True"),
        ("ststnet", "padding=1.5", "padding=1.5"),
        ("ststnet", "dropout=half", "dropout='half'; a value like 0.0 does"),
        ("resnet18", "widths=8", "widths=8; a value like"),
        ("resnet18", "widths=8+8", r"widths=\(8, 8\); a value like"),
        ("tiny_vit_5m", "widths=8+8", r"a value like \(64, 128, 160, 320\) does"),
        ("ststnet", "pading=2", "no option 'pading'; it has dropout, padding, dtype"),
        ("ststnet", "name=other", "no option 'name'"),
        ("ststnet", "dtype=bfloat16", "dtype is set by model.compute_dtype"),
        ("resnet18", "image_size=64", "image_size is set by model.image_size"),
    ],
)
def test_an_option_or_value_that_is_none_is_refused(backbone, text, reason):
    with pytest.raises(UserError, match=reason) as caught:
        models.build({"emotion_backbone": backbone, "emotion_options": text})
    assert "\n" not in str(caught.value)


def test_a_whole_number_is_a_rate_too():
    model = models.build({"emotion_options": "dropout=0"})
    assert model.emotion_backbone.dropout == 0
