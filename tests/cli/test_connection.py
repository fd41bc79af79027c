import socket
import subprocess
import sys

import orjson
import pytest
from click.testing import CliRunner

from hub.cli import main
from hub.cli.commands import COMMANDS
from tests.factories.api import TOKEN, make_services

CLIENTS = [
    "events",
    "books",
    "sources",
    "connectors",
    "event x",
    "trail x",
    "parked ls",
    "replay --list",
    "capture s",
]


def run(*arguments, **environment):
    return CliRunner().invoke(main, arguments, env=environment)


@pytest.mark.parametrize("command", CLIENTS)
def test_without_a_running_hub_there_is_one_line_and_exit_3(tmp_path, command):
    result = run(*command.split(), "--data", str(tmp_path))

    assert result.exit_code == 3
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "mxhub run" in result.stderr


def test_a_stale_socket_is_exit_3(tmp_path):
    (tmp_path / "runtime.json").write_bytes(orjson.dumps({"socket": str(tmp_path / "gone.sock")}))

    assert run("books", "--data", str(tmp_path)).exit_code == 3


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"\xff", b'{"socket": 1}'])
def test_a_damaged_runtime_file_is_exit_3(tmp_path, text):
    (tmp_path / "runtime.json").write_bytes(text)
    result = run("books", "--data", str(tmp_path))

    assert result.exit_code == 3
    assert result.stderr.startswith("mxhub: ")


def test_a_remote_hub_takes_the_token_from_the_environment(hub):
    result = run("books", "--url", hub.url, "--json", MXHUB_TOKEN=TOKEN)

    assert result.exit_code == 0
    assert len(orjson.loads(result.stdout)) == 2


def test_a_wrong_token_is_a_configuration_error(hub):
    result = run("books", "--url", hub.url, MXHUB_TOKEN="wrong")

    assert result.exit_code == 2
    assert "MXHUB_TOKEN" in result.stderr


@pytest.mark.parametrize("url", ["hub.example", "ftp://hub.example", "http://"])
def test_a_url_that_is_none_is_a_usage_error(url):
    assert run("books", "--url", url).exit_code == 2


def test_somebody_else_at_the_url_is_exit_3():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        child = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"from hub.cli import main; main(['books','--url','http://127.0.0.1:{port}'])",
            ],
            stderr=subprocess.PIPE,
        )
        server.settimeout(20)
        peer, _ = server.accept()
        with peer:
            peer.recv(4096)
            peer.sendall(b"SSH-2.0-OpenSSH\r\n")
        stderr = child.communicate(timeout=20)[1]

    assert child.returncode == 3
    assert stderr.startswith(b"mxhub: ")


def test_a_hub_that_is_down_behind_its_api_is_exit_3(start_hub):
    services = make_services()
    services.log.down = True
    result = start_hub(services).run("books")

    assert result.exit_code == 3
    assert "log cannot be reached" in result.stderr


def test_the_data_directory_of_the_configuration_is_found(hub, tmp_path, monkeypatch):
    (tmp_path / "mxhub.yaml").write_text(f"data: {hub.data}\n")
    monkeypatch.chdir(tmp_path)

    assert run("books").exit_code == 0


def test_the_commands_start_without_the_server_side():
    names = ("books", "capture", "connectors", "events", "export", "parked", "replay", "sources")
    modules = [COMMANDS[name][0].partition(":")[0] for name in names]
    heavy = ("aiohttp", "pydantic", "redis", "rich")
    code = (
        f"import sys, importlib\nfor name in {modules!r}:\n    importlib.import_module(name)\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
