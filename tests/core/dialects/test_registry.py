from pkgutil import iter_modules

import pytest

import core.dialects
from core.app.dialects import DIALECTS, dialect_of


def test_every_folder_of_dialects_can_be_configured():
    folders = {one.name for one in iter_modules(core.dialects.__path__) if one.ispkg}

    assert {path.removeprefix("core.dialects.").partition(".")[0] for path in DIALECTS.values()} == folders


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_a_dialect_is_named_as_it_is_configured(name):
    assert dialect_of(name).name == name
