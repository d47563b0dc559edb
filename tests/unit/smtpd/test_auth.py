# ruff: noqa: ASYNC240 - files are changed while a server runs: that is what is tested
"""Logins: users.yaml, another server, what is remembered, and who has to wait."""

import asyncio
import os
import ssl
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from mailguard.directory.settings import LdapLogins
from mailguard.directory.words import NoAnswer
from mailguard.errors import ConfigError, MailguardError, PermanentFailure, SmtpError, TemporaryFailure
from mailguard.smtpd.auth import Authenticator, Slowdown, User
from mailguard.smtpd.directory import DirectoryUsers
from mailguard.smtpd.upstream import UpstreamUsers
from mailguard.smtpd.users import FileUsers, hash_password, load_users
from mailguard.testing import FakeClock, eventually
from tests.unit.smtpd.peer import Watch

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HASH = QUICK.hash("secret")
HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"


def write(path: Path, *users: str) -> Path:
    path.write_text("users:\n" + "".join(f"  - {user}\n" for user in users) if users else "users: []\n")
    return path


def entry(name: str, *, hashed: str = HASH, more: str = "") -> str:
    return f'{{name: {name}, password: "{hashed}", send_as: [{name}@corp.example]{more}}}'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "users.yaml", entry("ann"), entry("dan", more=", disabled: true"))


@pytest.fixture
async def users(file: Path, clock: FakeClock, watch: Watch) -> FileUsers:
    return FileUsers(file, clock, watch)


async def refused(users: Authenticator, name: str, password: str, peer: str = HERE) -> str:
    with pytest.raises(SmtpError) as caught:
        await users.check(name, password, peer)
    return caught.value.line


async def test_a_right_password_names_the_user(users: FileUsers) -> None:
    assert await users.check("Ann", "secret", HERE) == User("ann", ("ann@corp.example",))


async def test_wrong_unknown_and_disabled_are_answered_alike(users: FileUsers) -> None:
    answers = {
        await refused(users, "ann", "guess"),
        await refused(users, "nobody", "secret"),
        await refused(users, "dan", "secret"),
        await refused(users, "ann", "", ELSEWHERE),
    }
    assert answers == {"535 5.7.8 the user name or the password is wrong"}


async def test_an_unknown_user_costs_the_same_hash_as_a_known_one(users: FileUsers, file: Path) -> None:
    stored = load_users(file)["ann"].password
    assert users._nobody.rsplit("$", 2)[0] == stored.rsplit("$", 2)[0]


async def test_a_login_that_succeeded_is_remembered_for_a_while(users: FileUsers, clock: FakeClock) -> None:
    await users.check("ann", "secret", HERE)
    users._hasher = None  # type: ignore[assignment]  # nobody computes a hash now
    await users.check("ann", "secret", ELSEWHERE)
    await clock.advance(301)
    with pytest.raises(AttributeError):
        await users.check("ann", "secret", HERE)


async def test_nothing_that_is_remembered_is_the_password(users: FileUsers) -> None:
    await users.check("ann", "secret", HERE)
    assert b"secret" not in b"".join(users._remembered._until)


async def test_a_changed_file_is_live_at_once(users: FileUsers, file: Path) -> None:
    await users.check("ann", "secret", HERE)
    write(file, entry("ann", hashed=QUICK.hash("changed")), entry("eva"))
    await users.check("eva", "secret", HERE)
    await users.check("ann", "changed", HERE)
    assert (await refused(users, "ann", "secret")).startswith("535 ")


async def test_disabling_a_user_is_live_although_the_login_is_remembered(users: FileUsers, file: Path) -> None:
    await users.check("ann", "secret", HERE)
    write(file, entry("ann", more=", disabled: true"))
    assert (await refused(users, "ann", "secret")).startswith("535 ")


async def test_a_file_that_became_wrong_leaves_the_users_and_is_reported_once(
    users: FileUsers, file: Path, watch: Watch
) -> None:
    file.write_text("users: [{name: ann, password: plain-text}]\n")
    for _ in range(2):
        await users.check("ann", "secret", HERE)
    assert [type(error) for error in watch.failures] == [ConfigError]
    file.unlink()
    await users.check("ann", "secret", HERE)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("users: [{name: ann, password: plain-text}]\n", "mailguard user passwd"),
        ('users: [{name: ann, password: "$argon2id$v=19$broken"}]\n', "mailguard user passwd"),
        (f"users: [{entry('ann')}, {entry('ANN')}]\n", "two users are called"),
        (f'users: [{{name: ann, password: "{HASH}", send_as: [nonsense]}}]\n', "user@domain"),
        ("users: [{name: ann}]\n", "password"),
        ("- 1\n", ""),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "users.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_users(path)
    assert caught.value.problems
    shown = " ".join(str(one) for one in caught.value.problems)
    assert problem in shown
    assert HASH not in shown


def test_a_hash_of_ours_is_what_the_file_wants(tmp_path: Path) -> None:
    path = write(tmp_path / "users.yaml", entry("ann", hashed=hash_password("żółw")))
    assert "m=19456,t=2,p=1" in load_users(path)["ann"].password


async def test_hashes_are_computed_off_the_loop_and_two_at_a_time(users: FileUsers) -> None:
    running = most = 0
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(stored: str, password: str) -> bool:
        nonlocal running, most
        running += 1
        most = max(most, running)
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
        running -= 1
        return False

    users._verify = slow  # type: ignore[method-assign]
    attempts = [asyncio.create_task(refused(users, f"u{n}", "x")) for n in range(6)]
    await eventually(lambda: running == 2)
    release.set()
    await asyncio.gather(*attempts)
    assert most == 2


async def test_a_pair_that_failed_waits_and_others_do_not(users: FileUsers, clock: FakeClock) -> None:
    for _ in range(3):
        attempt = asyncio.create_task(refused(users, "ann", "guess", HERE))
        while not attempt.done():
            await clock.advance(1)
            await asyncio.sleep(0.001)
    owner = await asyncio.wait_for(users.check("ann", "secret", ELSEWHERE), 5)
    assert owner.name == "ann"  # brute force from elsewhere does not lock the owner out
    waiting = asyncio.create_task(refused(users, "ann", "guess", HERE))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await clock.advance(4)
    assert (await waiting).startswith("535 ")


async def test_pauses_double_up_to_half_a_minute_and_more_is_refused(clock: FakeClock) -> None:
    slowdown = Slowdown(clock)
    began = clock.monotonic()
    for expected in (1, 2, 4, 8, 16, 30, 30):
        slowdown.failed("ann", HERE)
        turn = asyncio.create_task(slowdown.turn("ann", HERE))
        await asyncio.sleep(0)
        await clock.advance(expected - 0.5)
        assert not turn.done()
        await clock.advance(0.5)
        await turn
        assert clock.monotonic() == began + expected
        began = clock.monotonic()
        slowdown._pairs[("ann", HERE)].next_turn = began
    slowdown.failed("ann", HERE)
    first = asyncio.create_task(slowdown.turn("ann", HERE))
    await asyncio.sleep(0)
    with pytest.raises(TemporaryFailure, match="too many failed logins"):
        await slowdown.turn("ann", HERE)
    first.cancel()
    await clock.advance(901)
    await asyncio.wait_for(slowdown.turn("ann", HERE), 1)  # forgiven


async def test_an_ipv6_client_cannot_change_its_address_to_be_faster(clock: FakeClock) -> None:
    slowdown = Slowdown(clock)
    slowdown.failed("ann", "2001:db8:1:2::1")
    waiting = asyncio.create_task(slowdown.turn("ann", "2001:db8:1:2:ffff::9"))
    await asyncio.sleep(0)
    assert not waiting.done()
    await clock.advance(1)
    await waiting
    await slowdown.turn("ann", "2001:db8:1:3::1")


async def test_many_devices_of_one_user_cost_one_hash(users: FileUsers) -> None:
    verify, hashed = users._verify, list[str]()

    def count(stored: str, password: str) -> bool:
        hashed.append(password)
        return verify(stored, password)

    users._verify = count  # type: ignore[method-assign]
    devices = [users.check("ann", "secret", f"203.0.113.{n}") for n in range(30)]
    assert {user.name for user in await asyncio.gather(*devices)} == {"ann"}
    assert len(hashed) <= 2, "those that had a turn before the first was found right"


async def test_a_disabled_users_remembered_password_costs_a_hash_like_any_other(users: FileUsers, file: Path) -> None:
    await users.check("ann", "secret", HERE)
    write(file, entry("ann", more=", disabled: true"))
    users._hasher = None  # type: ignore[assignment]  # nobody computes a hash now
    with pytest.raises(AttributeError):
        await users.check("ann", "secret", HERE)


async def test_a_client_that_failed_waits_behind_others_until_somebody_there_logs_in(users: FileUsers) -> None:
    await refused(users, "bob", "guess", HERE)
    assert users._slowdown.failed_lately(HERE)
    await users.check("ann", "secret", HERE)
    assert not users._slowdown.failed_lately(HERE)


async def test_names_a_guesser_makes_up_are_forgotten_when_they_are_forgiven(clock: FakeClock) -> None:
    slowdown = Slowdown(clock)
    for n in range(50):
        slowdown.failed(f"name{n}", f"203.0.113.{n}")
    await clock.advance(600)
    slowdown.failed("name0", "203.0.113.0")
    await clock.advance(400)
    slowdown.failed("ann", HERE)
    assert list(slowdown._pairs) == [("name0", "203.0.113.0"), ("ann", HERE)]
    assert list(slowdown._clients) == ["203.0.113.0", HERE]
    assert not slowdown.failed_lately("203.0.113.7")


class Upstream:
    """The other server."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.answer: bool | BaseException = True

    async def __call__(self, server: str, name: str, password: str) -> bool:
        self.asked.append((server, name, password))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


async def test_a_login_that_is_right_upstream_is_right_here_and_asked_once(clock: FakeClock) -> None:
    upstream = Upstream()
    users = UpstreamUsers("smtp.corp.example:587", upstream, clock)
    for _ in range(2):
        assert await users.check("ann@corp.example", "secret", HERE) == User("ann@corp.example", ("ann@corp.example",))
    assert upstream.asked == [("smtp.corp.example:587", "ann@corp.example", "secret")]
    await clock.advance(301)
    upstream.answer = False
    assert (await refused(users, "ann@corp.example", "secret")).startswith("535 5.7.8 ")


@pytest.mark.parametrize(
    "trouble",
    [ConnectionRefusedError(), TimeoutError(), ssl.SSLError("bad"), TemporaryFailure("no"), MailguardError("x")],
)
async def test_upstream_down_is_454_and_no_failure_of_the_user(clock: FakeClock, trouble: Exception) -> None:
    upstream = Upstream()
    users = UpstreamUsers("smtp.corp.example:587", upstream, clock)
    upstream.answer = trouble
    assert (await refused(users, "ann@corp.example", "secret")).startswith("454 4.7.0 ")
    upstream.answer = True
    await asyncio.wait_for(users.check("ann@corp.example", "secret", HERE), 1)


async def test_upstream_names_without_a_domain_may_use_what_the_service_says(clock: FakeClock) -> None:
    users = UpstreamUsers("h:1", Upstream(), clock, send_as=lambda name: (f"{name}@corp.example",))
    assert (await users.check("ann", "secret", HERE)).send_as == ("ann@corp.example",)
    assert (await UpstreamUsers("h:1", Upstream(), clock).check("ann", "x", HERE)).send_as == ()


class Directory:
    """Knows Ann, by her name and her address."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.trouble: NoAnswer | None = None

    async def __call__(self, how: LdapLogins, name: str, password: str) -> tuple[str, ...] | None:
        self.asked.append(name)
        if self.trouble:
            raise self.trouble
        return ("ann@corp.example", "ann@partner.example") if password == "secret" else None


def in_directory(directory: Directory, clock: FakeClock, watch: Watch) -> DirectoryUsers:
    return DirectoryUsers(LdapLogins(), directory, clock, lambda one: one.endswith("@corp.example"), watch)


async def test_a_directory_is_asked_about_every_login_and_only_own_addresses_count(
    clock: FakeClock, watch: Watch
) -> None:
    directory = Directory()
    users = in_directory(directory, clock, watch)
    for name in ("ann", "Ann"):
        assert await users.check(name, "secret", HERE) == User("ann@corp.example", ("ann@corp.example",))
    assert directory.asked == ["ann", "Ann"]


async def test_the_word_of_a_directory_or_another_server_counts_for_an_hour(clock: FakeClock, watch: Watch) -> None:
    upstream = UpstreamUsers("smtp.corp.example:587", Upstream(), clock)
    for users in (in_directory(Directory(), clock, watch), upstream):
        valid = (await users.check("ann@corp.example", "secret", HERE)).valid
        assert valid is not None
        await clock.advance(3599)
        assert await valid()
        await clock.advance(1)
        assert not await valid()


async def test_every_spelling_of_a_name_has_the_same_slowdown(clock: FakeClock, watch: Watch) -> None:
    directory = Directory()
    users = in_directory(directory, clock, watch)
    for name in ("a\u00adnn", "ann\u200b", "\u200bann", "ann\x07"):
        assert (await refused(users, name, "secret")).startswith("535 ")  # a directory would not see these letters
    assert directory.asked == []
    assert (await refused(users, "ann", "guess")).startswith("535 ")
    for name in (" ann", "ａnn  ", "ANN"):
        guess = asyncio.ensure_future(refused(users, name, "guess"))
        await asyncio.sleep(0.01)
        assert not guess.done()  # it waits for its turn
        while not guess.done():
            await clock.advance(1)
            await asyncio.sleep(0)
        assert guess.result().startswith("535 ")


async def test_a_directory_that_is_down_is_454_told_and_no_failure_of_the_user(clock: FakeClock, watch: Watch) -> None:
    directory = Directory()
    users = in_directory(directory, clock, watch)
    directory.trouble = NoAnswer("it does not answer", "look")
    for password in ("secret", "guess"):
        assert (await refused(users, "ann", password)).startswith("454 4.7.0 ")
    assert watch.down == [("smtp.users.ldap", "it does not answer: look")] * 2
    directory.trouble = None
    await asyncio.wait_for(users.check("ann", "secret", HERE), 1)


def test_a_change_within_the_same_second_is_seen(file: Path, clock: FakeClock, watch: Watch) -> None:
    users = FileUsers(file, clock, watch)
    stamp = users._file_stamp()
    replacement = write(file.with_name("new"), entry("ann"), entry("dan", more=", disabled: true"))
    stat = file.stat()
    os.utime(replacement, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    replacement.replace(file)
    assert users._file_stamp() != stamp


def test_permanent_and_temporary_are_different_types() -> None:
    assert not issubclass(PermanentFailure, TemporaryFailure)
