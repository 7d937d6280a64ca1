"""What contrasts are called and what each is there for."""

import pytest

from ethnicmer_jax.base import contrast_roles
from ethnicmer_jax.base.contrast_roles import Role, role
from ethnicmer_jax.base.grouping import GROUPINGS
from ethnicmer_jax.base.run_id import name_fault

ROLES = {
    "ethnicity": Role.MAIN,
    "within_casme2": Role.WITHIN,
    "within_my.db": Role.WITHIN,
    "placebo": Role.OTHER,
    "database": Role.OTHER,
    "flipped": Role.SENSITIVITY,
    "reference_grouping": Role.SENSITIVITY,
    "within_casme2_reference_grouping": Role.OTHER,
    "reference": Role.OTHER,
    "pooled": Role.OTHER,
    "": Role.OTHER,
}


@pytest.mark.parametrize("name", ROLES)
def test_roles(name):
    assert role(name) is ROLES[name]


@pytest.mark.parametrize("database", ["casme2", "strict", "placebo", "within_x", "a.b"])
@pytest.mark.parametrize("grouping", GROUPINGS)
def test_names_are_read_as_they_were_given(database, grouping):
    assert not name_fault("database", database)
    inside = contrast_roles.within(database)
    assert role(inside) is Role.WITHIN
    assert contrast_roles.database_within(inside) == database
    other = contrast_roles.regrouped(grouping)
    assert role(other) is Role.SENSITIVITY
    assert role(contrast_roles.within(database, other)) is Role.OTHER
