"""mailguard.yaml becomes settings that every room can trust."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from mailguard import config
from mailguard.errors import ConfigError
from mailguard.smtpd.settings import Auth, Tls

from .conftest import Folder

ROOT = Path(__file__).parents[3]

SURFACE = """\
version: 1
organization: {name: Corp Example, domains: [corp.example], zone: Europe/Warsaw}
people: people.yaml
rules: [rules/*.yaml]
store: sqlite:///var/lib/mailguard/mail.db
smtp:
  hostname: mail.corp.example
  tls: {certificate: tls.crt, key: tls.key}
  listeners:
    - {bind: "0.0.0.0:465", tls: implicit, auth: required}
    - {bind: "0.0.0.0:587", tls: starttls, auth: required}
    - {bind: "127.0.0.1:2525", tls: none, auth: none, networks: [127.0.0.0/8]}
  users: {file: users.yaml}
  limits: {size: 35MB, recipients: 1000, connections: 1000, per_client: 100, decide: 10s}
  quota: {mails: 300/h, recipients: 2000/h, waiting: 5000, bytes: 2GB}
next_hop: {smarthost: "smtp.corp.example:587", tls: starttls, username: relay, password_file: relay,
           routes: {corp.example: {smarthost: "exchange.corp.example:25", tls: starttls}}}
web: {bind: "127.0.0.1:8025", url: "https://mailguard.corp.example"}
admin: {socket: /run/mailguard/admin.sock}
notices: {sender: mailguard@corp.example, language: en, delayed: risky, minimum: 2m, digest: {over: 3, within: 2m}}
holds: {fallback: postmaster@corp.example, expires: 72h, on_expiry: return, calendar: "Mon-Fri 08:00-18:00"}
retention: {bodies: 7d, decisions: 400d, facts: 90d}
retry: {give_up: 48h}
history: {learn: {mails: 100, days: 14}}
log: {format: json, addresses: full}
metrics: {bind: "127.0.0.1:9325"}
"""


def test_the_documented_configuration_loads_without_a_word(folder: Folder) -> None:
    for name in ("people.yaml", "users.yaml", "tls.crt", "tls.key"):
        folder.write(name, "version: 1\n")
    folder.write("relay", "s3cret\n")
    folder.write("mailguard.yaml", SURFACE)
    loaded = config.load(folder.file, {})
    assert loaded.warnings == ()
    assert loaded.smtp.listeners[0].tls is Tls.IMPLICIT
    assert loaded.smtp.listeners[2].auth is Auth.NONE
    assert loaded.holds.expires == timedelta(hours=72)
    assert loaded.smtp.limits.size == 35 << 20
    assert loaded.next_hop.password is not None
    assert loaded.next_hop.password.get_secret_value() == "s3cret"


def test_the_shipped_example_loads_as_it_is(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "deploy", tmp_path, dirs_exist_ok=True)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/x.yaml").write_text("version: 1\n")
    assert config.load(tmp_path / "mailguard.yaml", {}).warnings == ()


def test_what_is_left_out_has_its_default(folder: Folder) -> None:
    loaded = folder.load()
    assert loaded.retry.give_up == timedelta(hours=48)
    assert loaded.history.learn.mails == 100
    assert loaded.metrics.bind is None
    assert loaded.people_path is None
    assert loaded.users_path is None


def test_relative_paths_start_at_the_configurations_folder(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("people.yaml", "version: 1\n")
    folder.write("users.yaml", "users: []\n")
    folder.load(
        people="people.yaml", admin="{socket: run/admin.sock}", smtp="{hostname: a.example, users: {file: users.yaml}}"
    )
    monkeypatch.chdir(folder.path.parent)
    loaded = config.load(Path(folder.path.name) / "mailguard.yaml", {})
    assert loaded.path == folder.file
    assert loaded.people_path == folder.path / "people.yaml"
    assert loaded.users_path == folder.path / "users.yaml"
    assert loaded.store_path == folder.path / "mail.db"
    assert loaded.socket_path == folder.path / "run/admin.sock"


def test_absolute_paths_stay(folder: Folder) -> None:
    assert folder.load(store="sqlite:///var/lib/x.db").store_path == Path("/var/lib/x.db")


def test_rule_files_come_by_name_each_once_and_without_tests(folder: Folder) -> None:
    (folder.path / "more").mkdir()
    for name in ("rules/20-b.yaml", "more/15-c.yaml", "rules/10-base.test.yaml", "rules/05-x.yaml"):
        folder.write(name, "version: 1\n")
    loaded = folder.load(rules="['rules/*.yaml', more/15-c.yaml, '**/20-b.yaml']")
    assert [path.name for path in loaded.rule_files()] == ["05-x.yaml", "10-base.yaml", "15-c.yaml", "20-b.yaml"]
    assert all(path.is_absolute() for path in loaded.rule_files())


def test_rules_written_later_are_found_by_a_reload(folder: Folder) -> None:
    loaded = folder.load()
    folder.write("rules/99-new.yaml", "version: 1\n")
    assert loaded.rule_files()[-1].name == "99-new.yaml"


def test_a_folder_with_a_pattern_in_its_name_is_no_pattern(tmp_path: Path) -> None:
    odd = tmp_path / "a[b]*"
    odd.mkdir()
    assert [path.name for path in Folder(odd).load().rule_files()] == ["10-base.yaml"]


def test_all_problems_of_a_run_come_together(folder: Folder) -> None:
    found = folder.wrong(
        "retri: {give_up: 1h}\n", {"MAILGUARD_LOG__FROMAT": "json"}, holds="{fallback: x}", next_hop="{mx: maybe}"
    )
    assert [problem.code for problem in found] == ["MG106", "MG107", "MG103", "MG401"]


def test_missing_sections_say_what_to_write(folder: Folder) -> None:
    (problem,) = folder.wrong(next_hop="")
    assert (problem.code, problem.message) == ("MG105", 'the key "next_hop" is missing')
    assert problem.help == 'for example next_hop: {smarthost: "smtp.corp.example:587"}'


@pytest.mark.parametrize("url", ["postgresql://me:hunter2@db/mail", "postgresql://me@db/mail?password=hunter2"])
def test_a_databases_password_is_kept_elsewhere_and_not_shown(folder: Folder, url: str) -> None:
    (problem,) = folder.wrong(store=url)
    assert "password" in problem.message
    assert "hunter2" not in str(problem)
    assert "passfile=" in problem.help


@pytest.mark.parametrize(
    ("url", "means"),
    [
        ("postgresql://me@db/mail", "postgresql://me@db/mail?sslmode=verify-full"),
        (
            "postgresql://me@db:5433,other/mail?passfile=x",
            "postgresql://me@db:5433,other/mail?passfile=x&sslmode=verify-full",
        ),
        ("postgresql://me@[2001:db8::1]/mail", "postgresql://me@[2001:db8::1]/mail?sslmode=verify-full"),
        ("postgresql:///mail?host=db", "postgresql:///mail?host=db&sslmode=verify-full"),
        ("postgresql://me@db/mail?sslmode=require", "postgresql://me@db/mail?sslmode=require"),
        ("postgresql://me@localhost:5433/mail", "postgresql://me@localhost:5433/mail"),
        ("postgresql://me@[::1]/mail", "postgresql://me@[::1]/mail"),
        ("postgresql:///mail?host=/var/run/postgresql", "postgresql:///mail?host=/var/run/postgresql"),
    ],
)
def test_to_another_host_a_database_is_asked_over_tls_that_is_checked(folder: Folder, url: str, means: str) -> None:
    assert folder.load(store=url).store_url == means


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        config.load(tmp_path / "mailguard.yaml", {})


def test_the_digest_follows_every_setting_but_no_secret(folder: Folder) -> None:
    hop = '{{smarthost: "a.example:25", username: u, password: {}}}'
    first = folder.load(next_hop=hop.format("one")).digest
    assert folder.load(next_hop=hop.format("two")).digest == first
    assert folder.load("log: {subjects: true}\n", next_hop=hop.format("one")).digest != first
    assert folder.load(environ={"MAILGUARD_LOG__SUBJECTS": "true"}, next_hop=hop.format("one")).digest != first


def test_nothing_changes_after_loading(folder: Folder) -> None:
    loaded = folder.load()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(loaded, "store", "sqlite:other.db")  # noqa: B010 - mypy knows it too


def test_editors_get_a_schema_with_words_for_every_section() -> None:
    schema = config.json_schema()
    assert set(schema["properties"]) == set(config.Settings.model_fields)
    for part in schema["properties"].values():
        named = schema["$defs"].get(part.get("$ref", "").removeprefix("#/$defs/"), {})
        assert part.get("description") or named.get("description")
    assert "path" not in schema["properties"]


def test_holidays_are_read_from_the_file_beside_the_configuration(folder: Folder) -> None:
    folder.write("holidays.txt", "2026-12-25 Christmas\n")
    calendar = "{hours: 'Mon-Fri 08:00-18:00', holidays: holidays.txt, zone: Europe/Warsaw}"
    found = folder.load(organization=f"{{domains: [corp.example], calendar: {calendar}}}").organization.office
    assert found is not None
    assert not found.include(datetime(2026, 12, 25, 11, tzinfo=UTC))
    assert found.include(datetime(2026, 12, 24, 7, tzinfo=UTC))  # eight o'clock in Warsaw
