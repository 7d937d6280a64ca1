import json

import pytest

from ethnicmer_jax.base import files
from ethnicmer_jax.base.schema import UserError

CONFIG = {
    "seed": 0,
    "data": {"source": "manifest", "data_dir": "data"},
    "protocol": {"arms": ("stereo",)},
    "engine": {"devices": 0},
}


def altered(section, **values):
    return {**CONFIG, section: {**CONFIG[section], **values}}


def test_the_config_is_written_and_the_same_one_is_welcome_again(tmp_path):
    files.claim(tmp_path / "new", CONFIG)
    files.claim(tmp_path / "new", CONFIG)
    written = json.loads((tmp_path / "new" / "config.json").read_text())
    assert written["protocol"] == {"arms": ["stereo"]}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["config.json"]


@pytest.mark.parametrize(
    "changed", [altered("engine", devices=4), altered("data", data_dir="elsewhere")]
)
def test_where_and_how_fast_may_change(tmp_path, changed):
    files.claim(tmp_path, CONFIG)
    files.claim(tmp_path, changed)


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({**CONFIG, "seed": 1}, "seed: 0 -> 1"),
        (altered("data", source="simulated"), 'data.source: "manifest" -> "simulated"'),
        (altered("protocol", arms=()), 'protocol.arms: ["stereo"] -> []'),
        (altered("protocol", draws=2), "protocol.draws: null -> 2"),
    ],
)
def test_another_config_is_refused_with_the_difference(tmp_path, changed, difference):
    files.claim(tmp_path, CONFIG)
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(UserError) as caught:
        files.claim(tmp_path, changed)
    assert difference in str(caught.value)
    assert (tmp_path / "config.json").read_bytes() == before


def test_many_differences_stay_one_line(tmp_path):
    files.claim(tmp_path, {f"field{i}": i for i in range(20)})
    with pytest.raises(UserError, match=r"; \.\.\.") as caught:
        files.claim(tmp_path, {})
    assert len(str(caught.value)) < 600


def test_a_damaged_or_missing_file_is_named(tmp_path):
    (tmp_path / "config.json").write_text('{"seed": ')
    with pytest.raises(UserError, match=r"config.json is not JSON"):
        files.claim(tmp_path, CONFIG)
    with pytest.raises(UserError, match=r"metrics.json does not exist"):
        files.read_json(tmp_path / "metrics.json")
