"""`mxhub sandbox VENDOR` as its user starts it: address and keys at once, a summary at the end."""

import json
import os
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance
MXHUB = str(Path(sys.executable).with_name("mxhub"))


def start(folder, *options):
    return subprocess.Popen(
        [MXHUB, "sandbox", *options, "--data", str(folder), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ask(url, key=None, **headers):
    if key:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, headers={"User-Agent": "script/1", **headers})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def ended(process):
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    return process.returncode, json.loads(out.splitlines()[-1])["summary"], err


def test_it_answers_counts_and_ends_cleanly(tmp_path):
    process = start(
        tmp_path / "s", "mxguard", "--rate", "5", "--fault", "refuse=1", "--fault", "refuse_status=429"
    )
    facts = json.loads(process.stdout.readline())
    key = facts["keys"]["admin-key"]
    refused, _ = ask(f"{facts['url']}/api/v1/me", key)
    early, me = ask(f"{facts['url']}/api/v1/me?nope=1", key)
    _, control = ask(facts["control"])
    code, summary, err = ended(process)

    assert (refused, early, control["fired"]) == (429, early, {"refuse": 1})
    assert me
    assert (code, err) == (0, "")
    assert (summary["requests"], summary["faults"]) == (2, {"refuse": 1})
    assert set(summary["by_rule"]) == {"retry_pace", "unknown_parameter"}
    lines = (tmp_path / "s" / "violations.ndjson").read_text().splitlines()
    assert [json.loads(line)["rule"] for line in lines] == ["unknown_parameter", "retry_pace"]
    for name in ("admin-key", "api-key", "violations.ndjson"):
        assert stat.S_IMODE(os.stat(tmp_path / "s" / name).st_mode) == 0o600


def test_a_second_start_has_the_same_keys_and_goes_on(tmp_path):
    found = []
    for _ in range(2):
        process = start(tmp_path / "s", "mxroute-manager", "--rate", "0")
        facts = json.loads(process.stdout.readline())
        status, domains = ask(f"{facts['url']}/api/domains", facts["keys"]["api-key"])
        found.append((facts["keys"], status, domains))
        assert ended(process)[0] == 0

    assert found[0] == found[1]
    assert found[0][1] == 200


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("nobody",), "no vendor with a sandbox; there are: mailchannels"),
        (("mxguard", "--listen", "nowhere"), "--listen"),
        (("mxguard", "--fault", "rain=3"), "--fault: rain"),
        (("mxguard", "--fault", "refuse=often"), "--fault: refuse"),
        (("mxroute-manager", "--webhook", "http://127.0.0.1:1/"), "knows no webhooks"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(options, said, tmp_path):
    process = start(tmp_path / "s", *options)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 2
    assert said in err
    assert not (tmp_path / "s").exists()
