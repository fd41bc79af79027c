from importlib import import_module
from pkgutil import iter_modules

import pytest

import core.api
from core.api.table import ROUTES

MODULES = [f"core.api.{one.name}" for one in iter_modules(core.api.__path__) if one.name != "table"]


@pytest.mark.parametrize("module", MODULES)
def test_every_route_of_the_folder_is_served(module):
    own = getattr(import_module(module), "ROUTES", ())

    assert [route for route in own if route not in ROUTES] == [], f"add {module} to core/api/table.py"


def test_no_two_routes_answer_the_same_request():
    asked = [(route.method, route.path) for route in ROUTES]

    assert sorted(set(asked)) == sorted(asked)
