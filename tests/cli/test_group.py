import resource
import subprocess
import sys
from importlib import import_module

import click
import pytest
from click.testing import CliRunner

from hub.cli import commands, group, main
from hub.cli.errors import Fails, Unreachable, Usage, fail
from hub.config import ConfigError, Problem
from hub.config.problem import Mark


def command(monkeypatch, run):
    """The group with one more command."""
    monkeypatch.setitem(commands.COMMANDS, "probe-me", ("tests.nowhere:probe", "A probe"))
    monkeypatch.setattr(
        group, "import_module", lambda _: type("M", (), {"probe": click.command("probe-me")(run)})
    )
    return CliRunner().invoke(main, ["probe-me"])


@pytest.mark.parametrize("name", sorted(commands.COMMANDS))
def test_every_command_of_the_table_is_there_and_has_help(name):
    module, _, attribute = commands.COMMANDS[name][0].partition(":")

    found = getattr(import_module(module), attribute)

    assert isinstance(found, click.Command)
    assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0


def test_the_list_imports_no_command():
    code = (
        "import sys; from hub.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    )

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "Commands:" in ran.stdout
    loaded = set(ran.stdout.split())
    assert not loaded & {target.partition(":")[0] for target, _ in commands.COMMANDS.values()}
    assert not loaded & {"pydantic", "aiohttp", "rich", "redis", "ruamel.yaml", "structlog"}


def test_the_version_is_told_within_150_ms_of_processor_time():
    code = "from hub.cli import main; main()"
    used = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ran = subprocess.run(
            [sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    assert ran.stdout.startswith("mxhub ")
    assert min(used) < 0.15


def test_an_unknown_command_is_a_usage_error():
    ran = CliRunner().invoke(main, ["chek"])

    assert ran.exit_code == 2
    assert "No such command 'chek'" in ran.stderr


@pytest.mark.parametrize(("error", "code"), [(Fails("no"), 1), (Usage("no"), 2), (Unreachable("no"), 3)])
def test_an_error_is_one_line_and_an_exit_code(monkeypatch, error, code):
    def run():
        raise error

    ran = command(monkeypatch, run)

    assert (ran.exit_code, ran.stderr) == (code, "mxhub: no\n")


@pytest.mark.parametrize("code", [1, 2, 3])
def test_fail_ends_with_its_code(monkeypatch, code):
    ran = command(monkeypatch, lambda: fail("why", code))

    assert (ran.exit_code, ran.stderr) == (code, "mxhub: why\n")


def test_problems_of_the_configuration_are_exit_2(monkeypatch):
    def run():
        raise ConfigError([Problem(Mark("a.yaml", 1, 2), "mend this")])

    ran = command(monkeypatch, run)

    assert ran.exit_code == 2
    assert "a.yaml:1:2: mend this" in ran.stderr


def test_a_defect_is_one_line_unless_the_trace_is_asked_for(monkeypatch):
    def run():
        raise RuntimeError("oops")

    quiet = command(monkeypatch, run)
    monkeypatch.setenv("MXHUB_DEBUG", "1")
    loud = command(monkeypatch, run)

    assert quiet.exit_code == loud.exit_code == 70
    assert quiet.stderr == "mxhub: internal error: RuntimeError: oops (set MXHUB_DEBUG=1 to see where)\n"
    assert "Traceback" in loud.stderr
