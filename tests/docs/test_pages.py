"""What the pages show can be typed, and what they point at is there."""

import re
import shlex
from pathlib import Path

import click
import pytest

from hub.cli import main
from hub.cli.findings import offline_findings
from hub.cli.product import Product
from hub.config.load import installed, load_text

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
_PLACE = re.compile(r"\]\((?!https?:|mailto:)([^)\s]*#[^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"`((?:hub|core|connectors|tests|docs|deploy)/[\w./*-]+)`")
_COMMAND = re.compile(
    r"^ {4}(?:\.venv/bin/)?(mxhub [^`\n|]+)|`(?:\.venv/bin/)?(mxhub [^`\n]+)`", re.MULTILINE
)
_MAKE = re.compile(r"^    make ([\w-]+)|`make ([\w-]+)", re.MULTILINE)
_YAML = re.compile(r"```yaml\n(.*?)```", re.DOTALL)


def found(pattern, pages=PAGES):
    """`(page, text)` of every match."""
    return sorted(
        {
            (page.relative_to(ROOT).as_posix(), next(filter(None, match.groups())))
            for page in pages
            for match in pattern.finditer(page.read_text())
        }
    )


def test_every_link_leads_somewhere():
    astray = [(page, to) for page, to in found(_LINK) if not ((ROOT / page).parent / to).exists()]

    assert astray == []


def places(page):
    """What a link to a page may name after `#`: its headings, as GitHub writes them, and its own marks."""
    text = _FENCE.sub("", page.read_text())
    headings = [
        re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", one) for one in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    ]
    slugs = [re.sub(r"[^\w\- ]", "", one.strip().lower()).replace(" ", "-") for one in headings]
    return {*slugs, *re.findall(r'<a id="([\w-]+)">', text)}


def test_every_link_to_a_place_within_a_page_leads_there():
    named = [(page, *to.split("#", 1)) for page, to in found(_PLACE)]
    astray = [
        (page, f"{to}#{place}")
        for page, to, place in named
        if place not in places((ROOT / page).parent / to if to else ROOT / page)
    ]

    assert astray == []
    assert len(named) > 10


def test_every_file_that_is_named_is_there():
    missing = [(page, path) for page, path in found(_FILE) if not list(ROOT.glob(path.rstrip("/")))]

    assert missing == []


def _words(text):
    text = re.sub(r"\[[^\]]*\]|\(|\)|<[^>]*>", "X", text.partition("   ")[0])
    try:
        return shlex.split(text, comments=True)[1:]
    except ValueError:
        return text.split()[1:]


def test_every_command_that_is_shown_exists_with_its_options():
    wrong = [(page, text) for page, text in found(_COMMAND) if not _exists(text)]

    assert wrong == []


def _exists(text):
    command, context = main, click.Context(main)
    words = _words(text)
    while isinstance(command, click.Group) and words and re.fullmatch(r"[a-z][a-z-]*", words[0]):
        command = command.get_command(context, words.pop(0))
    if command is None:
        return False
    known = {"--help", *(flag for one in command.params for flag in (*one.opts, *one.secondary_opts))}
    shown = {word.partition("=")[0] for word in words if re.fullmatch(r"--[a-z-]+(=.*)?", word)}
    return command is main or shown <= known


def test_every_make_target_that_is_shown_exists():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert [(page, target) for page, target in found(_MAKE) if target not in targets] == []


def test_the_readme_shows_the_two_commands_first():
    text = (ROOT / "README.md").read_text()

    assert 0 < text.index("    make run") < text.index("    make test") < text.index("mxhub init")


def _settings(page, files="/etc/mxhub"):
    (text,) = _YAML.findall((ROOT / "docs/howto" / page).read_text())
    text = text.replace("/etc/mxhub/", f"{files}/")
    return load_text(text, dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "x" * 40))


@pytest.mark.parametrize("page", ["first-hour.md", "no-internet.md"])
def test_the_configuration_that_a_page_shows_is_valid_and_nothing_is_odd_about_it(page, tmp_path):
    (tmp_path / "corp-ca.pem").touch()
    settings = _settings(page, files=tmp_path)

    assert (set(settings.sources), set(settings.connectors)) == ({"mailguard-main"}, {"search"})
    assert {one.state for one in offline_findings(settings, installed())} == {"ok"}


def test_the_core_that_a_page_shows_is_valid():
    (text,) = _YAML.findall((ROOT / "docs/howto/own-domains.md").read_text())
    settings = load_text(text.replace("# allow", "allow"), {}, model=Product)

    assert settings.core.verify_domains
    assert [one.host for one in settings.core.mail_servers] == ["mx1.example.net"]
    assert [str(one) for one in settings.core.allow_networks] == ["10.0.5.0/24"]


def test_without_the_internet_everything_private_is_allowed_by_name():
    settings = _settings("no-internet.md")

    assert settings.sources["mailguard-main"].allow_networks == ("10.20.4.0/24",)
    assert settings.connectors["search"].allow_networks == ("10.20.8.0/24",)


def test_the_howtos_are_all_in_their_list():
    folder = ROOT / "docs/howto"
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (folder / "README.md").read_text()))

    assert listed == {page.name for page in folder.glob("*.md")} - {"README.md"}, "see docs/howto/README.md"


def test_nginx_and_hub_agree_on_the_largest_body_and_the_port():
    text = (ROOT / "docs/howto/first-hour.md").read_text()
    (size,) = re.findall(r"client_max_body_size (\d+)m;", text)

    assert int(size) * 1024 * 1024 == _settings("first-hour.md").ingest.max_body_bytes
    _, port = _settings("first-hour.md").address
    assert set(re.findall(r"127\.0\.0\.1:(\d+)", text)) == {str(port)}


def test_the_glossary_is_in_order_and_names_each_word_once():
    words = re.findall(r"^\| ([\w -]+) \|", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)[1:]

    assert words == sorted(words)
    assert len(set(words)) == len(words) > 50
