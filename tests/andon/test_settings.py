"""Settings: every mistake has its own line, the order of sources holds, secrets are never shown."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import os
import tomllib
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.endpoints import open_endpoints
from andon.reference import renewed
from andon.settings import Settings, load_settings
from models.detector import DetectorSettings
from stream.errors import ConfigError
from stream.ledger import LedgerSettings
from stream.line import AlarmSettings

CONFIGS = sorted((Path(__file__).parent / "configs").glob("*.toml"))
DOCS = Path(__file__).parents[2] / "docs"
CANARY = "whsec_" + base64.b64encode(b"canary-canary-canary-canary").decode()
BARE_CANARY = CANARY.removeprefix("whsec_")
ENDPOINT = """
[[endpoints]]
name = "mes"
url = "https://mes.example.com/hooks/T0KEN?key=T0KEN"
"""


@pytest.fixture(autouse=True, scope="module")
def _folder_without_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with contextlib.chdir(tmp_path_factory.mktemp("empty")):
        yield


def written(folder: Path, text: str, name: str = "andon.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def mistakes(
    path: Path | None = None,
    environ: dict[str, str] | None = None,
    overrides: dict[str, object] | None = None,
) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        load_settings(path, environ or {}, overrides)
    return str(refusal.value).split("\n")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_mistake_has_exactly_its_own_line(path: Path) -> None:
    expected = [
        line.removeprefix("# expect: ").replace("FILE", str(path), 1)
        for line in path.read_text("utf-8").splitlines()
        if line.startswith("# expect: ")
    ]
    assert mistakes(path) == expected


def test_a_mistake_ends_a_command_with_exit_code_2() -> None:
    with pytest.raises(ConfigError) as refusal:
        load_settings(CONFIGS[0], {})
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        (
            {"ANDON_TOPICS__PARTITIONS": "0"},
            "ANDON_TOPICS__PARTITIONS: topics.partitions is 0: "
            "set it to a whole number from 1 to 1000, or unset it",
        ),
        (
            {"ANDON_TOPICS__PARTITIONS": ""},
            'ANDON_TOPICS__PARTITIONS: topics.partitions is "": '
            "set it to a whole number from 1 to 1000, or unset it",
        ),
        (
            {"ANDON_TOPIC__PARTITIONS": "4"},
            "environment: ANDON_TOPIC__PARTITIONS: there is no such setting: "
            "did you mean ANDON_TOPICS__PARTITIONS?",
        ),
        (
            {"ANDON_log__path": "x"},
            "environment: ANDON_log__path: there is no such setting: remove it, or use one of "
            "ANDON_LOG__KIND, ANDON_LOG__LEASE_SECONDS, ANDON_LOG__PATH",
        ),
        (
            {"ANDON_XYZ": CANARY},
            "environment: ANDON_XYZ: there is no such setting: remove it; docs/settings.md lists "
            "all",
        ),
        (
            {"ANDON_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1,b"},
            'ANDON_KAFKA__BOOTSTRAP_SERVERS: kafka.bootstrap_servers[1] is "b": '
            "set it to 'host:port'",
        ),
        (
            {"ANDON_ENDPOINTS": CANARY},
            "ANDON_ENDPOINTS: endpoints is no list of tables: write each as [[endpoints]]",
        ),
        (
            {"ANDON_LOG__PATH": ""},
            'ANDON_LOG__PATH: log.path is ".": '
            "a path must be printable text that ends in a file's name: write one",
        ),
        (
            {"ANDON_CONFIG": "nowhere.toml"},
            "nowhere.toml: the settings file cannot be read (No such file or directory): "
            "give another with --config or ANDON_CONFIG",
        ),
    ],
)
def test_a_mistake_in_the_environment_names_its_variable(
    environ: dict[str, str], line: str
) -> None:
    assert mistakes(None, environ) == [line]


@pytest.mark.parametrize("text", ["9" * 5000, "[" * 100_000, "1e999", "\udcff", "a\nb\x1b[2J"])
@pytest.mark.parametrize(
    "variable", ["ANDON_DETECTOR__SEED", "ANDON_KAFKA__BOOTSTRAP_SERVERS", "ANDON_ENDPOINTS"]
)
def test_no_text_in_a_variable_gets_past_the_checks(variable: str, text: str) -> None:
    (line,) = mistakes(None, {variable: text})
    assert line.startswith(f"{variable}: ")
    assert line.isprintable()


def test_a_mistake_on_the_command_line_says_so() -> None:
    assert mistakes(overrides={"topics.partitions": 0, "log": {"pth": "x"}}) == [
        "command line: log.pth: there is no such key: did you mean log.path?",
        "command line: topics.partitions is 0: give a whole number from 1 to 1000",
    ]


def test_mistakes_of_all_sources_come_together(tmp_path: Path) -> None:
    path = written(tmp_path, "[alerts]\nbudget = 2\n")
    lines = mistakes(path, {"ANDON_LOG__KIND": "sqlite"}, {"parts.late_hours": -1.0})
    assert [line.partition(": ")[0] for line in lines] == [
        "ANDON_LOG__KIND",
        "command line",
        str(path),
    ]


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe[log]", b"a = \x00", b"a = " + b"[" * 50_000, b"#" * 1_100_000],
    ids=["not-utf-8", "nul", "deep", "long"],
)
def test_a_file_that_is_no_settings_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "andon.toml"
    path.write_bytes(content)
    (line,) = mistakes(path)
    assert line.startswith(f"{path}: ")


def test_a_folder_in_place_of_the_file_is_one_line(tmp_path: Path) -> None:
    assert "Is a directory" in mistakes(tmp_path)[0]


def test_a_byte_order_mark_before_the_file_is_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeff[alerts]\nreasons = 5\n")
    assert load_settings(path, {}).alerts.reasons == 5


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[alerts]\nbudget = 0.1\nmin_lift = 3\nreasons = 1\n")
    environ = {"ANDON_ALERTS__MIN_LIFT": "4", "ANDON_ALERTS__REASONS": "2"}
    alerts = load_settings(path, environ, {"alerts.reasons": 7, "alerts.budget": None}).alerts
    assert (alerts.budget, alerts.min_lift, alerts.reasons, alerts.clear_ratio) == (0.1, 4, 7, 0.6)


def test_the_environment_mends_a_mistake_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[topics]\npartitions = 0\n")
    assert load_settings(path, {"ANDON_TOPICS__PARTITIONS": "2"}).topics.partitions == 2


@pytest.mark.parametrize(
    ("variable", "text", "key", "value"),
    [
        ("ANDON_LOG__PATH", "x.sqlite", "log.path", Path("x.sqlite")),
        ("ANDON_ALERTS__BUDGET", "0.25", "alerts.budget", 0.25),
        ("ANDON_KAFKA__ALLOW_PLAINTEXT", "true", "kafka.allow_plaintext", True),
        ("ANDON_WORKER__MEMBER", "7", "worker.member", "7"),
        (
            "ANDON_KAFKA__BOOTSTRAP_SERVERS",
            "127.0.0.1:1, [::1]:2",
            "kafka.bootstrap_servers",
            ("127.0.0.1:1", "[::1]:2"),
        ),
        (
            "ANDON_KAFKA__BOOTSTRAP_SERVERS",
            '["localhost:1"]',
            "kafka.bootstrap_servers",
            ("localhost:1",),
        ),
    ],
)
def test_a_variable_is_read_in_the_type_of_its_key(
    variable: str, text: str, key: str, value: object
) -> None:
    section, _, name = key.partition(".")
    found = getattr(getattr(load_settings(None, {variable: text}), section), name)
    assert found == value
    assert type(found) is type(value) or isinstance(value, Path)


def test_endpoints_from_the_environment_replace_those_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, ENDPOINT + 'secrets_env = ["A"]\n')
    one = [{"name": "scada", "url": "https://scada.example.com/", "secrets_env": ["B"]}]
    found = load_settings(path, {"ANDON_ENDPOINTS": json.dumps(one)}).endpoints
    assert [endpoint.name for endpoint in found] == ["scada"]


def test_known_variables_that_are_no_settings_are_left_alone(tmp_path: Path) -> None:
    path = written(tmp_path, ENDPOINT + 'secrets_env = ["ANDON_MES_KEY"]\n')
    environ = dict.fromkeys(
        [
            "ANDON_TEST_DATA",
            "ANDON_TEST_KAFKA",
            "ANDON_REQUIRE_KAFKA",
            "ANDON_SECRET_OTHER",
            "ANDON_MES_KEY",
            "PATH",
        ],
        "1",
    )
    load_settings(path, environ)


def test_the_process_environment_is_read_only_when_it_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANDON_ALERTS__REASONS", "9")
    monkeypatch.setenv("ALERTS", "{}")
    assert Settings().alerts.reasons == load_settings(None, {}).alerts.reasons == 3
    assert load_settings(None, os.environ).alerts.reasons == 9


def test_andon_toml_in_the_working_directory_is_found_but_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(None, {}).worker.group == "andon"
    written(tmp_path, '[worker]\ngroup = "found"\n')
    other = written(tmp_path, '[worker]\ngroup = "named"\n', "other.toml")
    third = written(tmp_path, '[worker]\ngroup = "given"\n', "third.toml")
    assert load_settings(None, {}).worker.group == "found"
    assert load_settings(None, {"ANDON_CONFIG": str(other)}).worker.group == "named"
    assert load_settings(third, {"ANDON_CONFIG": str(other)}).worker.group == "given"


def test_paths_are_relative_to_the_working_directory_not_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etc, work = tmp_path / "etc", tmp_path / "work"
    etc.mkdir()
    work.mkdir()
    path = written(etc, '[log]\npath = "state.sqlite"\n')
    monkeypatch.chdir(work)
    load_settings(path, {}).log.path.touch()
    assert [file.name for file in work.iterdir()] == ["state.sqlite"]


def test_settings_cannot_be_changed_once_loaded() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings(None, {}).alerts.budget = 0.1  # type: ignore[misc]


def test_tls_to_any_broker_needs_no_permission_for_plain_text(tmp_path: Path) -> None:
    text = '[kafka]\nbootstrap_servers = ["broker-1:9093"]\ntls = true\n'
    assert load_settings(written(tmp_path, text), {}).kafka.tls


def test_plain_text_to_the_loopback_needs_no_permission(tmp_path: Path) -> None:
    path = written(tmp_path, '[kafka]\nbootstrap_servers = ["localhost:9092", "[::1]:9092"]\n')
    assert not load_settings(path, {}).kafka.allow_plaintext


# Secrets


@pytest.mark.parametrize(
    "text",
    [
        ENDPOINT + f'secrets_env = ["{CANARY}"]',
        ENDPOINT + f'secrets_env = ["{BARE_CANARY}"]',
        ENDPOINT + f'secrets_env = "{BARE_CANARY}"',
        ENDPOINT + f'secrets_files = ["{CANARY}"]',
        ENDPOINT + f'secrets_files = "{BARE_CANARY}"',
        ENDPOINT + f'secret = "{BARE_CANARY}"',
        ENDPOINT + f'secrets = ["{BARE_CANARY}"]',
        ENDPOINT + f'secrets_env = ["MES"]\ntypes = ["{CANARY}"]',
        ENDPOINT.replace('"mes"', f'"{CANARY}"'),
        ENDPOINT.replace("https://", f"https://user:{BARE_CANARY}@"),
        ENDPOINT.replace("https://mes.example.com", f"ftp://mes.example.com/{BARE_CANARY}"),
        f'[[endpoints]]\nname = "mes"\nurl = 3\nsecrets_env = [["{BARE_CANARY}"]]',
        f'[endpoints]\nsecret = "{BARE_CANARY}"',
        f'endpoints = ["{BARE_CANARY}"]',
        f'[kafka]\nsasl_plain_password = "{BARE_CANARY}"',
        f'[kafka]\nsasl_password = "{BARE_CANARY}"',
        f'[kafka]\nsasl_password_env = "{BARE_CANARY}"',
        f'[kafka]\nkey_password_env = "{CANARY}"',
        f'[kafka]\nbootstrap_servers = ["user:{BARE_CANARY}@broker:9092"]',
        f'secret = "{BARE_CANARY}"',
        f'[log]\nkind = "{CANARY}"',
        f'[log]\nkind = {{secret = "{BARE_CANARY}"}}',
        f'[log]\nkind = "{BARE_CANARY}',
    ],
)
def test_no_mistake_shows_a_secret_that_was_written_into_the_file(
    tmp_path: Path, text: str
) -> None:
    path = written(tmp_path, text + "\n")
    with pytest.raises(ConfigError) as refusal:
        load_settings(path, {})
    told = "".join(traceback.format_exception(refusal.value))
    assert BARE_CANARY not in told
    assert "T0KEN" not in told


@pytest.mark.parametrize("variable", ["ANDON_ENDPOINTS", "ANDON_SECRETS", "ANDON_KAFKA__PASSWORD"])
@pytest.mark.parametrize("text", [CANARY, f'[{{"secret": "{BARE_CANARY}"}}]', f'["{BARE_CANARY}"'])
def test_no_mistake_shows_a_secret_that_was_put_into_a_variable(variable: str, text: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load_settings(None, {variable: text})
    assert BARE_CANARY not in "".join(traceback.format_exception(refusal.value))


def with_endpoint(folder: Path, secrets: str) -> Settings:
    return load_settings(written(folder, ENDPOINT + secrets), {})


def test_secrets_come_from_variables_and_files_and_are_in_no_repr(tmp_path: Path) -> None:
    file = written(tmp_path, CANARY + "\n", "old.secret")
    file.chmod(0o600)
    found = with_endpoint(tmp_path, f'secrets_env = ["NEW"]\nsecrets_files = ["{file}"]\n')
    newer = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    (endpoint,) = open_endpoints(found.endpoints, {"NEW": newer})
    assert endpoint.secrets == (newer, CANARY)
    told = f"{found!r} {found} {endpoint!r} {found.public()} {json.dumps(found.public())}"
    assert BARE_CANARY not in told
    assert newer not in told
    assert "T0KEN" not in told
    assert "https://mes.example.com/..." in told


@pytest.mark.parametrize(
    "secret",
    [
        BARE_CANARY,
        "whsec_short",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
        CANARY + "!",
    ],
)
def test_a_malformed_secret_is_refused_without_being_shown(tmp_path: Path, secret: str) -> None:
    found = with_endpoint(tmp_path, 'secrets_env = ["GOOD", "BAD"]\n')
    with pytest.raises(ConfigError) as refusal:
        open_endpoints(found.endpoints, {"GOOD": CANARY, "BAD": secret})
    assert str(refusal.value) == (
        "endpoints.mes.secrets_env: environment variable BAD: the value (not shown) is no signing "
        "secret: make it 'whsec_' and 24 to 64 random bytes in base64"
    )
    assert secret not in "".join(traceback.format_exception(refusal.value))


@pytest.mark.parametrize("size", [24, 64])
def test_secrets_of_the_least_and_the_greatest_length_are_taken(tmp_path: Path, size: int) -> None:
    found = with_endpoint(tmp_path, 'secrets_env = ["MES"]\n')
    secret = "whsec_" + base64.b64encode(b"x" * size).decode()
    assert open_endpoints(found.endpoints, {"MES": secret})[0].secrets == (secret,)


def test_all_missing_secrets_are_named_at_once(tmp_path: Path) -> None:
    blank = written(tmp_path, "\n", "blank.secret")
    blank.chmod(0o600)
    found = with_endpoint(
        tmp_path,
        f'secrets_env = ["ANDON_SECRET_MSE", "ANDON_SECRET_OLD"]\n'
        f'secrets_files = ["{tmp_path}/no.secret", "{blank}"]\n',
    )
    with pytest.raises(ConfigError) as refusal:
        open_endpoints(found.endpoints, {"ANDON_SECRET_MES": CANARY, "ANDON_SECRET_OLD": " "})
    missing = "endpoints.mes.secrets_env: environment variable"
    assert str(refusal.value).split("\n") == [
        f"{missing} ANDON_SECRET_MSE is not set: did you mean ANDON_SECRET_MES?",
        f"{missing} ANDON_SECRET_OLD is empty: set it to a secret",
        f"endpoints.mes.secrets_files: {tmp_path}/no.secret cannot be read "
        f"(No such file or directory): write one secret into it",
        f"endpoints.mes.secrets_files: {blank} is empty: write one secret into it",
    ]


# Mutation

WORDS = st.sampled_from([*Settings.model_fields, "kind", "path", "name", "url", "types", "\x1b[2J"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([CANARY, "kafka", "andon", "https://[::1/", "a:1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
EXAMPLE = tomllib.loads((DOCS / "andon.example.toml").read_text("utf-8"))
PLACES = [(s, k) for s, table in EXAMPLE.items() if isinstance(table, dict) for k in table]
MUTATIONS = st.lists(
    st.tuples(st.sampled_from(PLACES) | st.tuples(WORDS, WORDS | st.text(max_size=5)), VALUES)
    | st.tuples(st.tuples(WORDS), VALUES),
    min_size=1,
    max_size=5,
)


def assert_loads_or_lists_mistakes(path: Path | None, overrides: dict[str, object] | None) -> None:
    try:
        found = load_settings(path, {}, overrides)
    except ConfigError as refusal:
        told = str(refusal)
        assert BARE_CANARY not in told
        assert all(line.isprintable() and ": " in line for line in told.split("\n"))
    else:
        json.dumps(found.public())


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(MUTATIONS)
def test_mutated_tables_load_or_list_their_mistakes(
    mutations: list[tuple[tuple[str, ...], Any]],
) -> None:
    tables: dict[str, Any] = json.loads(json.dumps(EXAMPLE))
    for place, value in mutations:
        if len(place) == 1:
            tables[place[0]] = value
        elif isinstance(tables.setdefault(place[0], {}), dict):
            tables[place[0]][place[1]] = value
    assert_loads_or_lists_mistakes(None, tables)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_mutated_files_load_or_list_their_mistakes(tmp_path: Path, data: st.DataObject) -> None:
    text = bytearray((DOCS / "andon.example.toml").read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 12))] = data.draw(st.binary(max_size=6))
    path = tmp_path / "andon.toml"
    path.write_bytes(text)
    assert_loads_or_lists_mistakes(path, None)


# The documents and the defaults


LEFT_OUT = {
    "detector": {"trained"},
    "checkpoint": {"key_file", "key_env"},
    "kafka": {
        "ca_file",
        "certificate_file",
        "key_file",
        "key_password_file",
        "key_password_env",
        "sasl_password_file",
        "sasl_password_env",
    },
}


def test_the_example_holds_every_key_at_its_default() -> None:
    found = load_settings(DOCS / "andon.example.toml", {})
    example = {**found.model_dump(), "endpoints": ()}
    assert example == load_settings(None, {}, {"log.path": "state/andon.sqlite"}).model_dump()
    for name, table in EXAMPLE.items():
        if name != "endpoints":
            told = {*table, *LEFT_OUT.get(name, ())}
            assert told == set(type(getattr(found, name)).model_fields)
    assert {*EXAMPLE["endpoints"][0], "ca_file"} == set(type(found.endpoints[0]).model_fields)
    assert set(EXAMPLE) == set(Settings.model_fields)


def test_the_reference_in_the_documents_is_that_of_the_classes() -> None:
    page = (DOCS / "settings.md").read_text("utf-8")
    assert page == renewed(page), "run: python -m andon.reference docs/settings.md"


def test_defaults_are_those_of_the_parts_they_set() -> None:
    found = Settings()
    given: dict[str, Any] = {
        **found.detector.model_dump(),
        **found.alerts.model_dump(),
        **found.parts.model_dump(),
        **found.limits.model_dump(),
    }
    for part in (DetectorSettings(), AlarmSettings(), LedgerSettings()):
        for field in dataclasses.fields(part):
            assert given[field.name] == getattr(part, field.name), field.name
