import numpy as np
import pytest

from ethnicmer_jax.data import strata

GROUP, DATABASE = np.array([0, 1, -1, 0, 1]), np.array([0, 1, 0, 1, -1])
GROUPS, DATABASES = ("asian", "non_asian"), ("casme2", "samm")


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("none", [""] * 5),
        ("group", ["asian", "non_asian", "", "asian", "non_asian"]),
        ("database", ["casme2", "samm", "casme2", "samm", ""]),
        ("group_database", ["casme2/asian", "samm/non_asian", "", "samm/asian", ""]),
    ],
)
def test_every_clip_has_the_stratum_that_its_labels_say(by, expected):
    names = (*strata.names(by, GROUPS, DATABASES), "")
    found = strata.of(by, GROUP, len(GROUPS), DATABASE)
    assert found.dtype == np.int32
    assert [names[number] for number in found] == expected
