from pathlib import Path

import pytest

from hub.config import ConfigError, Settings, load, load_text
from hub.config.seal import new_key, seal
from tests.factories.config import FakeRegistry

REGISTRY = FakeRegistry()


def text(source: str, **env: str) -> Settings:
    return load_text(source, env, registry=REGISTRY)


def problems(caught: pytest.ExceptionInfo[ConfigError]) -> str:
    return str(caught.value)


def test_no_file_gives_the_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    loaded = load(None, {}, registry=REGISTRY)

    assert loaded.path is None
    assert loaded.files == ()
    assert loaded.settings == Settings()
    assert loaded.settings.address == ("127.0.0.1", 8787)
    assert loaded.settings.log.max_bytes == 768 * 1024 * 1024


def test_the_file_of_the_working_directory_is_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mxhub.yaml").write_text("tenant: here")

    assert load(None, {}, registry=REGISTRY).settings.tenant == "here"


def test_the_variable_names_the_file(tmp_path):
    (tmp_path / "other.yaml").write_text("tenant: other")

    loaded = load(None, {"MXHUB_CONFIG": str(tmp_path / "other.yaml")}, registry=REGISTRY)

    assert loaded.settings.tenant == "other"
    assert loaded.path == tmp_path / "other.yaml"


def test_a_file_that_is_named_and_not_there_is_a_problem(tmp_path):
    with pytest.raises(ConfigError, match="the file cannot be read: No such file"):
        load(tmp_path / "gone.yaml", {}, registry=REGISTRY)


def test_flag_wins_over_environment_over_file(tmp_path):
    path = tmp_path / "mxhub.yaml"
    path.write_text("listen: 127.0.0.1:1\ndata: /from/file\ntenant: t")
    env = {"MXHUB_LISTEN": "127.0.0.1:2", "MXHUB_DATA": "/from/env"}

    settings = load(path, env, overrides={"listen": "127.0.0.1:3", "data": None}, registry=REGISTRY).settings

    assert (settings.listen, settings.data, settings.tenant) == ("127.0.0.1:3", Path("/from/env"), "t")


def test_a_bad_flag_and_a_bad_variable_are_named_as_such():
    with pytest.raises(ConfigError) as caught:
        load(None, {"MXHUB_REDIS_URL": "x"}, overrides={"listen": "nowhere"}, registry=REGISTRY)

    assert "--listen: write HOST:PORT" in problems(caught)
    assert "MXHUB_REDIS_URL: write redis://" in problems(caught)


def test_a_secret_of_the_environment_may_come_from_a_file(tmp_path):
    (tmp_path / "token").write_text("from-the-file\n")

    settings = load(None, {"MXHUB_ADMIN_TOKEN_FILE": str(tmp_path / "token")}, registry=REGISTRY).settings

    assert settings.admin_token is not None
    assert settings.admin_token.get_secret_value() == "from-the-file"


def test_an_empty_file_and_one_of_comments_are_the_defaults():
    assert text("") == text("# nothing\n\n") == Settings()


def test_text_stays_text():
    settings = text("tenant: NO\nsources: {mail: {vendor: acme, secrets: [yes, 2026-05-01]}}")

    assert settings.tenant == "NO"
    assert [s.get_secret_value() for s in settings.sources["mail"].secrets] == ["yes", "2026-05-01"]


def test_options_of_the_vendor_stand_beside_the_common_keys():
    settings = text("sources: {mail: {vendor: acme, tenant: t1, url: 'https://a', page_size: 7}}")

    source = settings.sources["mail"]
    assert (source.vendor, settings.tenant_of("mail")) == ("acme", "t1")
    assert source.options.model_dump()["page_size"] == 7


def test_an_entry_wins_over_the_defaults_of_its_vendor():
    settings = text("""
defaults:
  sources: {acme: {tenant: shared, url: 'https://a', polls: {audit: {every_s: 60, lookback_s: 5}}}}
  connectors: {pipe: {url: 'https://p', ordered: true}}
sources:
  one: {vendor: acme}
  two: {vendor: acme, tenant: own, polls: {audit: {every_s: 30}}}
connectors:
  out: {kind: pipe}
""")

    assert (settings.tenant_of("one"), settings.tenant_of("two")) == ("shared", "own")
    assert settings.sources["one"].polls["audit"].every_s == 60
    assert settings.sources["two"].polls["audit"].every_s == 30
    assert settings.sources["two"].polls["audit"].lookback_s == 5
    assert settings.connectors["out"].ordered is True


def test_references_are_put_in(tmp_path):
    (tmp_path / "secret").write_text("s3cret\n")
    (tmp_path / "mxhub.yaml").write_text(
        "tenant: ${TENANT}-${SUFFIX:-x}\n"
        "public_url: https://${HOST:-hub.example}/\n"
        "log: {max_entries: '${ENTRIES}'}\n"
        "admin_token: ${file:secret}\n"
        "sources: {mail: {vendor: acme, secrets: ['a$${b}', '${KEY}']}}\n"
    )
    (tmp_path / "key").write_text("from-key-file")
    env = {"TENANT": "t", "ENTRIES": "5000", "KEY_FILE": str(tmp_path / "key")}

    loaded = load(tmp_path / "mxhub.yaml", env, registry=REGISTRY)

    settings = loaded.settings
    assert (settings.tenant, settings.public_url, settings.log.max_entries) == (
        "t-x",
        "https://hub.example",
        5000,
    )
    assert settings.admin_token is not None
    assert settings.admin_token.get_secret_value() == "s3cret"
    assert [s.get_secret_value() for s in settings.sources["mail"].secrets] == ["a${b}", "from-key-file"]
    assert loaded.files == (tmp_path / "mxhub.yaml", tmp_path / "secret")


def test_a_reload_reads_secrets_again(tmp_path):
    (tmp_path / "secret").write_text("old")
    (tmp_path / "mxhub.yaml").write_text("admin_token: ${file:secret}")
    first = load(tmp_path / "mxhub.yaml", {}, overrides={"tenant": "flag"}, registry=REGISTRY)
    (tmp_path / "secret").write_text("new")

    second = first.reload({}, REGISTRY)

    assert first.settings.admin_token is not None
    assert second.settings.admin_token is not None
    assert first.settings.admin_token.get_secret_value() == "old"
    assert second.settings.admin_token.get_secret_value() == "new"
    assert second.settings.tenant == "flag"


def test_included_files_add_sources_and_connectors(tmp_path):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "mxhub.yaml").write_text("include: conf.d/*.yaml\nsources: {a: {vendor: acme}}")
    (tmp_path / "conf.d/1.yaml").write_text("sources: {b: {vendor: acme}}\ntenant: t")
    (tmp_path / "conf.d/2.yaml").write_text("sources: {c: {vendor: acme}}")

    settings = load(tmp_path / "mxhub.yaml", {}, registry=REGISTRY).settings

    assert sorted(settings.sources) == ["a", "b", "c"]
    assert settings.tenant == "t"


def test_what_two_files_set_is_told_with_both_places(tmp_path):
    (tmp_path / "mxhub.yaml").write_text(
        "include: [more.yaml, gone.yaml]\ntenant: a\nsources: {a: {vendor: acme}}"
    )
    (tmp_path / "more.yaml").write_text("tenant: b\nsources:\n  a: {vendor: acme}\n  b: {vendor: nobody}")

    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "mxhub.yaml", {}, registry=REGISTRY)

    assert f"more.yaml:1:1: 'tenant' is already set in {tmp_path / 'mxhub.yaml'} line 2" in problems(caught)
    assert f"more.yaml:3:3: 'a' is already set in {tmp_path / 'mxhub.yaml'} line 3" in problems(caught)
    assert "more.yaml:4:15: unknown vendor 'nobody'" in problems(caught)
    assert "mxhub.yaml:1:22: there is no file" in problems(caught)


def test_a_vendor_whose_module_does_not_import_is_a_problem():
    registry = FakeRegistry(broken=frozenset({"weird"}))

    with pytest.raises(
        ConfigError, match="vendor 'weird' cannot be loaded: ImportError: no module named 'libweird'"
    ):
        load_text(
            "sources: {a: {vendor: weird}}\ndefaults: {sources: {weird: {tenant: a}}}", registry=registry
        )


def test_aliases_and_merges_are_followed():
    settings = text("""
sources:
  one: &base {vendor: acme, tenant: t1, secrets: [aaaa]}
  two: {<<: *base, tenant: t2}
""")

    assert settings.tenant_of("two") == "t2"
    assert settings.sources["two"].secrets == settings.sources["one"].secrets


def test_a_bomb_of_aliases_is_refused_in_no_time():
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12))
    merges = "\n".join(f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}" for n in range(1, 12))

    for bomb in (f"l0: &l0 [x, x]\n{levels}", f"m0: &m0 {{}}\n{merges}"):
        with pytest.raises(ConfigError, match="unfolds to more than 100000 values"):
            text(bomb)


def test_a_sealed_secret_is_opened_by_any_of_the_keys():
    old, new = new_key(), new_key()
    sealed = seal("hunter2", {"MXHUB_SEAL_KEYS": old})

    settings = text(f"admin_token: {sealed}", MXHUB_SEAL_KEYS=f"{new},{old}")

    assert settings.admin_token is not None
    assert settings.admin_token.get_secret_value() == "hunter2"
    with pytest.raises(ConfigError, match="none of the keys in MXHUB_SEAL_KEYS opens"):
        text(f"admin_token: {sealed}", MXHUB_SEAL_KEYS=new)
    with pytest.raises(ConfigError, match="holds something that is no key"):
        text(f"admin_token: {sealed}", MXHUB_SEAL_KEYS="short")


def test_neither_repr_nor_error_shows_a_secret():
    settings = text(
        "admin_token: hunter2\nsources: {a: {vendor: acme, secrets: [hunter3], api_key: hunter4}}"
    )

    assert "hunter" not in repr(settings)
    with pytest.raises(ConfigError) as caught:
        text("sources:\n  a:\n    vendor: acme\n    secrets:\n    - {x: hunter5}\n    api_key: [hunter6]")
    assert "hunter" not in problems(caught)


def test_a_file_that_is_no_utf8_is_a_problem():
    with pytest.raises(ConfigError, match=r"mxhub\.yaml:2:1: this is no UTF-8 text"):
        load_text(b"a: b\nc: \xff", registry=REGISTRY)
