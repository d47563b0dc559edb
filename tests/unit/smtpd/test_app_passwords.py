"""App passwords: who they let in, who they don't, and what other ways stand beside them."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from mailguard import tokens
from mailguard.errors import PermanentFailure, TemporaryFailure
from mailguard.people import Directory, Organization, People, Person
from mailguard.people.spelling import Spelling
from mailguard.records import Actor, AppPassword
from mailguard.smtpd.app_passwords import AppPasswords, WithAppPasswords
from mailguard.smtpd.auth import Authenticator, User
from mailguard.smtpd.server import SmtpServer
from mailguard.smtpd.users import FileUsers, disabled, load_users
from mailguard.store.sqlite import SqliteStore
from mailguard.testing import FakeClock
from tests.unit.smtpd.conftest import SUBMISSIONS, Serve
from tests.unit.smtpd.peer import MAIL, Client, Logins, Watch
from tests.unit.smtpd.test_auth import HASH, HERE, entry, refused, write

ANN, OFFICE, PRINTER = "ann@corp.example", "office@corp.example", "printer@corp.example"
BY = Actor(ANN, "outbox")
WRONG = "535 5.7.8 the user name or the password is wrong"
PEOPLE = People(
    Organization(name="Corp", domains=("corp.example",)),
    Directory(
        (
            Person("Ann@corp.example", aliases=("a.smith@corp.example", "ann@elsewhere.example")),
            Person(OFFICE, shared=True, members=(ANN,)),
            Person(PRINTER, service=True, owner=ANN),
        ),
        lists={"all@corp.example": (ANN,)},
    ),
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "mail.db")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def passwords(store: SqliteStore, clock: FakeClock, watch: Watch) -> AppPasswords:
    return AppPasswords(store, lambda: PEOPLE, clock, lambda _, error: watch.failures.append(error))


async def made(store: SqliteStore, clock: FakeClock, person: str = ANN, name: str = "Phone") -> str:
    secret = tokens.new_app_password()
    digest = tokens.app_password_digest(person, secret)
    assert await store.add_app_password(AppPassword(person, name, clock.now()), digest, by=BY, now=clock.now())
    return secret


def alone(passwords: AppPasswords) -> Authenticator:
    return WithAppPasswords(passwords, None, None)


async def test_it_lets_its_person_in_as_all_that_is_theirs(
    passwords: AppPasswords, store: SqliteStore, clock: FakeClock
) -> None:
    secret = await made(store, clock)
    ann = User("Ann@corp.example", ("Ann@corp.example", "a.smith@corp.example", OFFICE))
    for name in (ANN, "ANN@Corp.example", "a.smith@corp.example"):
        assert await alone(passwords).check(name, secret, HERE) == ann
    for typed in (secret.replace("-", ""), secret.replace("-", " ").upper(), f" {secret} "):
        assert await alone(passwords).check(ANN, typed, HERE) == ann


async def test_nobody_else_gets_in_with_it(passwords: AppPasswords, store: SqliteStore, clock: FakeClock) -> None:
    secret = await made(store, clock)
    users = alone(passwords)
    for name in ("lee@corp.example", OFFICE, PRINTER, "all@corp.example", "kim@client.example", "ann", ""):
        assert await refused(users, name, secret) == WRONG
    for guess in (secret[:-1], tokens.new_app_password(), "", "secret", "é" * 28):
        assert await refused(users, ANN, guess, f"{HERE}{len(guess)}") == WRONG


async def test_what_was_made_for_an_address_that_is_no_persons_any_more_is_refused(
    passwords: AppPasswords, store: SqliteStore, clock: FakeClock
) -> None:
    for person in (PRINTER, "all@corp.example", "kim@client.example"):
        assert await refused(alone(passwords), person, await made(store, clock, person)) == WRONG


async def test_where_people_are_listed_who_left_the_list_is_out(
    store: SqliteStore, clock: FakeClock, watch: Watch
) -> None:
    unlisted = "lee@corp.example"
    secret, anns = await made(store, clock, unlisted), await made(store, clock)
    for listed, expected in ((False, unlisted), (True, "")):
        passwords = AppPasswords(store, lambda: PEOPLE, clock, lambda *_: None, listed=listed)
        assert passwords.admits(unlisted) is bool(expected)
        if expected:
            assert (await alone(passwords).check(unlisted, secret, HERE)).name == expected
        else:
            assert await refused(alone(passwords), unlisted, secret) == WRONG
        assert (await alone(passwords).check(ANN, anns, HERE)).name == "Ann@corp.example"


async def test_who_left_the_list_sends_no_more_from_a_session_that_is_open(
    store: SqliteStore, clock: FakeClock
) -> None:
    people = PEOPLE
    passwords = AppPasswords(store, lambda: people, clock, lambda *_: None, listed=True)
    user = await alone(passwords).check(ANN, await made(store, clock), HERE)
    assert user.valid
    assert await user.valid()
    people = People(PEOPLE.organization)
    assert not await user.valid()


@pytest.mark.parametrize("known", [True, False])
async def test_another_spelling_of_somebody_is_no_login_of_its_own(
    store: SqliteStore, clock: FakeClock, watch: Watch, tmp_path: Path, known: bool
) -> None:
    spelt = {"corp.example": Spelling(plus="ignore")}
    organization = Organization(name="Corp", domains=("corp.example",), addresses=spelt)
    people = People(organization, Directory((Person(ANN),) if known else ()))
    passwords = AppPasswords(store, lambda: people, clock, lambda *_: None, listed=known)
    secret = await made(store, clock, "ann+1@corp.example")
    for more in ("", ", disabled: true"):
        users = FileUsers(write(tmp_path / "users.yaml", entry("ann", more=more)), clock, watch)
        for others in (users, None):
            peer = f"{more}{others}"
            said = await refused(WithAppPasswords(passwords, others, users), "ann+1@corp.example", secret, peer)
            assert said == WRONG
        await clock.advance(60)
    passwords.barred = disabled(load_users(tmp_path / "users.yaml"))
    assert not passwords.admits("ann+1@corp.example")
    if known:
        assert await refused(alone(passwords), "ann+1@corp.example", secret, "nobody's file") == WRONG


async def test_revoked_it_opens_nothing_and_what_it_opened_is_not_good_any_more(
    passwords: AppPasswords, store: SqliteStore, clock: FakeClock
) -> None:
    secret, other = await made(store, clock), await made(store, clock, name="Laptop")
    user, laptop = [await alone(passwords).check(ANN, each, HERE) for each in (secret, other)]
    assert user.valid
    assert laptop.valid
    assert await user.valid()
    await store.drop_app_password(ANN, "Phone", by=BY, now=clock.now())
    assert not await user.valid()
    assert await laptop.valid()
    assert await refused(alone(passwords), ANN, secret) == WRONG


async def test_the_day_of_its_use_is_kept(passwords: AppPasswords, store: SqliteStore, clock: FakeClock) -> None:
    secret = await made(store, clock)
    for _ in range(2):
        await alone(passwords).check(ANN, secret, HERE)
        (kept,) = await store.app_passwords(ANN)
        assert kept.used_on == clock.now().date()
        await clock.advance(86_400)


async def test_a_store_that_is_away_is_454_and_opens_nothing(
    store: SqliteStore, clock: FakeClock, watch: Watch
) -> None:
    class Away(SqliteStore):
        async def app_password(self, digest: bytes) -> AppPassword | None:
            raise TemporaryFailure("busy")

    secret = await made(store, clock)
    passwords = AppPasswords(Away(Path("nowhere")), lambda: PEOPLE, clock, lambda *_: None)
    for users in (alone(passwords), WithAppPasswords(passwords, Logins(), None)):
        said = await refused(users, ANN, secret)
        assert said == "454 4.7.0 passwords can't be checked at the moment: try again later"
    assert (await WithAppPasswords(passwords, Logins(), None).check("ann", "secret", HERE)).name == "ann", (
        "asks no store"
    )


async def test_a_full_disk_keeps_nobody_out(store: SqliteStore, clock: FakeClock, watch: Watch) -> None:
    class Full(SqliteStore):
        async def app_password_used(self, digest: bytes, day: object) -> None:
            raise TemporaryFailure("full")

    secret = await made(store, clock)
    await store.close()
    full = Full(store.path)
    await full.open()
    passwords = AppPasswords(full, lambda: PEOPLE, clock, lambda _, error: watch.failures.append(error))
    assert (await alone(passwords).check(ANN, secret, HERE)).name == "Ann@corp.example"
    assert [str(error) for error in watch.failures] == ["full"]
    await full.close()
    await store.open()


async def test_guessing_slows_the_guesser_and_not_the_owner(
    passwords: AppPasswords, store: SqliteStore, clock: FakeClock
) -> None:
    secret, users = await made(store, clock), alone(passwords)
    assert await refused(users, ANN, "guess") == WRONG
    guess = asyncio.ensure_future(refused(users, ANN, "another"))
    await clock.advance(0.5)
    assert not guess.done()
    assert (await users.check(ANN, secret, HERE)).name == "Ann@corp.example"
    await clock.advance(1)
    assert await guess == WRONG


# beside users.yaml
@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(
        tmp_path / "users.yaml",
        entry("ann", more=", disabled: true"),
        entry("office"),
        f'{{name: smith, password: "{HASH}", send_as: [a.smith@corp.example, info@corp.example, "*@corp.example"]}}',
    )


@pytest.fixture
async def users(file: Path, clock: FakeClock, watch: Watch) -> FileUsers:
    return FileUsers(file, clock, watch)


async def test_a_login_of_the_file_is_the_same_login_but_never_as_anybody(
    passwords: AppPasswords, store: SqliteStore, clock: FakeClock, users: FileUsers
) -> None:
    both = WithAppPasswords(passwords, users, users)
    found = await both.check(ANN, await made(store, clock), HERE)
    assert found == User("smith", ("a.smith@corp.example", "info@corp.example"))
    assert (await both.check("office", "secret", HERE)).name == "office", "the file's own passwords are good as well"
    assert await refused(both, "smith", "guess") == WRONG


async def test_whom_the_file_disables_its_app_passwords_do_not_let_in(
    passwords: AppPasswords, store: SqliteStore, clock: FakeClock, watch: Watch, tmp_path: Path
) -> None:
    path = write(tmp_path / "disabled.yaml", entry("ann", more=", disabled: true"))
    secret, users = await made(store, clock), FileUsers(path, clock, watch)
    assert await refused(WithAppPasswords(passwords, users, users), ANN, secret) == WRONG
    assert await refused(WithAppPasswords(passwords, None, users), ANN, secret) == WRONG, "only: true"
    passwords.barred = disabled(load_users(path))
    assert not passwords.admits(ANN)
    write(path, entry("ann"))
    assert (await WithAppPasswords(passwords, users, users).check(ANN, secret, HERE)).name == "ann"
    passwords.barred = disabled(load_users(path))
    assert passwords.admits(ANN)


Connect = Callable[..., Awaitable[Client]]


async def _serve(serve: Serve, passwords: AppPasswords, file: Path, *, only: bool) -> SmtpServer:
    logins = {"file": str(file), "app_passwords": {"only": only}}
    return await serve(SUBMISSIONS, logins=logins, app_passwords=passwords)


async def log_in(client: Client, name: str, password: str) -> str:
    secret = b64encode("\0".join(("", name, password)).encode()).decode()
    return await client.say(f"AUTH PLAIN {secret}")


async def test_only_app_passwords_where_the_settings_say_so(
    serve: Serve, connect: Connect, passwords: AppPasswords, store: SqliteStore, clock: FakeClock, file: Path
) -> None:
    secret = await made(store, clock)
    write(file, entry("office"))
    for only, expected in ((False, "235"), (True, "535 5.7.8 the user name or the password is wrong")):
        server = await _serve(serve, passwords, file, only=only)
        assert (await log_in(await connect(server, tls=True), "office", "secret")).startswith(expected)
        assert (await log_in(await connect(server, tls=True), ANN, secret)).startswith("235")
        assert (await server.log_in("office", "secret", HERE))[0] == "office", "the pages take the file's passwords"
        with pytest.raises(PermanentFailure, match="the user name or the password is wrong"):
            await server.log_in(ANN, secret, HERE)


async def test_a_client_that_is_logged_in_is_thrown_out_at_its_next_mail(
    serve: Serve, connect: Connect, passwords: AppPasswords, store: SqliteStore, clock: FakeClock, file: Path
) -> None:
    client = await connect(await _serve(serve, passwords, file, only=True), tls=True)
    assert (await log_in(client, ANN, await made(store, clock))).startswith("235")
    sent = await client.mail(MAIL, "a.smith@corp.example")
    assert sent.startswith("550 5.7.1"), "its From is not among what the file lets this login send as"
    await client.envelope("a.smith@corp.example")
    await store.drop_app_password(ANN, "Phone", by=BY, now=clock.now())
    late = MAIL.replace(b"From: ann@", b"From: a.smith@")
    assert (await client.data(late)).startswith("421 "), "at the dot of what was on its way, too"
    assert await client.closed()


async def test_nobody_logs_in_where_there_are_only_app_passwords_and_none_was_made(
    serve: Serve, connect: Connect, passwords: AppPasswords
) -> None:
    server = await serve(SUBMISSIONS, logins={"app_passwords": {}}, app_passwords=passwords)
    client = await connect(server, tls=True)
    assert (await log_in(client, ANN, tokens.new_app_password())).startswith("535 5.7.8")
    assert (await client.say("MAIL FROM:<>")).startswith("530 ")


@pytest.mark.parametrize("tried", ["revoked", "typed loosely", "of somebody else"])
async def test_another_server_never_sees_what_has_the_form_of_one(
    serve: Serve, connect: Connect, passwords: AppPasswords, store: SqliteStore, clock: FakeClock, tried: str
) -> None:
    seen: list[str] = []

    async def upstream(_server: str, _name: str, password: str) -> bool:
        seen.append(password)
        return True

    secret = await made(store, clock)
    server = await serve(
        SUBMISSIONS, logins={"upstream": "smtp.corp.example:587", "app_passwords": {}}, app_passwords=passwords,
        try_login=upstream,
    )  # fmt: skip
    assert (await log_in(await connect(server, tls=True), ANN, secret)).startswith("235")
    if tried != "of somebody else":
        await store.drop_app_password(ANN, "Phone", by=BY, now=clock.now())
    said = secret.replace("-", " ").upper() if tried == "typed loosely" else secret
    name = "lee@corp.example" if tried == "of somebody else" else ANN
    assert await log_in(await connect(server, tls=True), name, said) == WRONG
    with pytest.raises(PermanentFailure, match="the user name or the password is wrong"):
        await server.log_in(name, said, "198.51.100.7")  # typed on the sign-in page
    assert seen == []
    assert (await log_in(await connect(server, tls=True), "kim@corp.example", "secret")).startswith("235")
    assert (await server.log_in("kim@corp.example", "secret", HERE))[0] == "kim@corp.example"
    assert seen == ["secret"], "remembered after that"
