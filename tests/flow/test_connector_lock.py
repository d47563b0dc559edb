"""Microsoft 365 in front of a whole mailguard and behind it: the recipe as it is written, and who would go round it.

The provider is simulated (`tests.provider`), its connectors and rules are made by the commands of the recipe's page.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mailguard.config import load
from mailguard.document import yaml
from mailguard.stamp import FIELD, RETURN, Handed, Stamps, StampSettings, body_hash
from mailguard.store.base import Filter
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, DELAY, HOLD, KIM, LEE, MO, POSTMASTER, House, letter
from tests.provider import powershell
from tests.provider.cloud import Bounced, Cloud, Smarthost, opened
from tests.provider.letter import Letter
from tests.provider.microsoft import Microsoft
from tests.provider.page import ADDRESS, BACK, NAME, SECRET, STAMP, configuration

PAGE = (Path(__file__).parents[2] / "docs" / "connecting-microsoft-365.md").read_text("utf-8")
ID, NEXT = "6c1d5f0e-3b7a-4c58-9d2e-8f4b1a7c9e30", "6" * 64
RULE = "mailguard 2: to be judged"


@dataclass
class Office:
    """A firm on Microsoft 365 with a mailguard, a foreign tenant beside it, and the ways between them."""

    cloud: Cloud
    tenant: Microsoft
    foreign: Microsoft
    house: House

    async def send(self, *recipients: str, sender: str = ANN, raw: bytes = b"", **headers: str) -> bytes:
        """From Outlook; the message."""
        raw = raw or letter(sender, ", ".join(recipients), **headers)
        await self.cloud.submit(self.tenant, sender, recipients, raw)
        return raw

    async def wait(self, **span: float) -> None:
        """Until everything due by then is done on both sides, and what comes back too."""
        await self.house.wait(**span)
        while await self.cloud.quiet() or self.house.service.alarm._tasks:
            await self.house.look_again()
            await self.house.quiet()

    async def kept(self) -> int:
        """How many mails mailguard has accepted."""
        return len(await self.house.service.store.find(Filter(limit=1000)))

    def refused(self, reason: str) -> float:
        registry = self.house.service.metrics.registry
        return registry.get_sample_value("mailguard_connector_refused_total", {"reason": reason}) or 0.0

    def looped(self) -> float:
        return self.house.service.metrics.registry.get_sample_value("mailguard_loops_refused_total") or 0.0

    @property
    def bounced(self) -> list[Bounced]:
        """People's own mail. Where mail goes in a loop an alert does, too: it is refused, and told of in the log."""
        return [one for one in self.cloud.bounced if one.sender != "mailguard@corp.example"]

    @property
    def handed(self) -> int:
        """How often people's own mail was sent to mailguard."""
        return sum("mailguard@corp.example" not in one.all("from")[0] for one in self.cloud.handed)

    @property
    def replies(self) -> list[str]:
        return [one.reply for one in self.bounced]


def recipe() -> list[str]:
    """The page's commands: how to connect, the two rules, switching on, for everybody, back, for good."""
    return powershell.blocks(PAGE)


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with opened() as made:
        yield made


OpenOffice = Callable[..., Awaitable[Office]]


@pytest.fixture
def open_office(cloud: Cloud, open_house: OpenHouse, tmp_path: Path) -> OpenOffice:
    async def build(rules: str = DELAY, **more: Any) -> Office:
        tenant = Microsoft(cloud, ID, ["corp.onmicrosoft.com", "corp.example", NAME])
        foreign = Microsoft(cloud, "11111111-2222-4333-8444-555555555555", ["evil.onmicrosoft.com", "evil.example"])
        house = await open_house(rules=rules, config=configuration(PAGE, cloud, tmp_path), **more)
        cloud.hosts[NAME] = house.service.smtp.ports[0]
        for block in recipe()[:2]:
            tenant.run(block.replace("203.0.113.25", ADDRESS), Secret=SECRET, Return=BACK)
        tenant.run(f'Enable-TransportRule "{RULE}"')
        return Office(cloud, tenant, foreign, house)

    return build


@pytest.fixture
async def office(open_office: OpenOffice) -> Office:
    return await open_office()


# --- as it should be ------------------------------------------------------------------------------


async def test_mail_goes_through_mailguard_and_arrives_once(office: Office) -> None:
    raw = await office.send(KIM, BOB)
    await office.wait(minutes=1)
    assert office.cloud.to(KIM) == []  # it waits
    await office.wait(minutes=6)
    (kim,), (bob,) = office.cloud.to(KIM), office.cloud.to(BOB)
    for arrived in (kim, bob):
        assert arrived.body == raw.partition(b"\r\n\r\n")[2]
        assert arrived.all(RETURN) == arrived.all("X-Mailguard-Secret") == []
        assert len(arrived.all(FIELD)) == 1
        assert sum("(mailguard)" in one for one in arrived.all("received")) == 1
    assert office.replies == []
    assert office.looped() == 0


async def test_a_notice_comes_back_to_nobody_but_its_reader(open_office: OpenOffice) -> None:
    office = await open_office(HOLD)
    await office.send(KIM)
    await office.wait(minutes=1)
    (notice,) = office.cloud.to(ANN)
    assert notice.all("from")[0].endswith("<mailguard@corp.example>")
    assert notice.all(RETURN) == []
    assert office.cloud.to(KIM) == []
    assert office.replies == []


async def test_the_page_leads_there_and_back(office: Office) -> None:
    """The rest of its commands: one person first, then everybody, off, and away."""
    one_person, everybody, off, away = recipe()[2:6]
    office.tenant.run(f'Disable-TransportRule "{RULE}"')
    office.tenant.run(one_person)
    await office.send(BOB)
    await office.send(ANN, sender=BOB)
    assert await office.kept() == 1  # Ann's alone
    office.tenant.run(everybody)
    await office.send(ANN, sender=BOB)
    assert await office.kept() == 2
    await office.send(KIM)
    office.tenant.run(off)
    await office.send(MO)
    assert [len(office.cloud.to(one)) for one in (KIM, MO)] == [0, 1]  # new mail goes its old way
    await office.wait(minutes=6)
    assert [len(office.cloud.to(one)) for one in (KIM, MO)] == [1, 1]  # and what waited still comes back
    office.tenant.run(away)
    assert (office.tenant.rules, office.tenant.outbound, office.tenant.inbound) == ([], {}, {})


# --- who is not let in ----------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["", "9" * 64, SECRET], ids=["no secret", "a guess", "the secret, stolen"])
async def test_another_tenant_of_the_same_provider_gets_nothing_in(office: Office, secret: str) -> None:
    """It comes from the same addresses with the same certificate, and writes what it likes into the header."""
    office.foreign.run(
        recipe()[0].replace(
            "-TlsSenderCertificateName mailguard.corp.example", "-TlsSenderCertificateName evil.example"
        )
    )
    office.foreign.run(recipe()[1].replace("-Enabled $false", ""), Secret=secret or "-", Return=BACK)
    forged = letter(
        "ann@corp.example, eve@evil.example",
        KIM,
        X_MS_Exchange_CrossTenant_Id=ID,
        X_OriginatorOrg="corp.onmicrosoft.com",
    )
    await office.cloud.submit(office.foreign, "eve@evil.example", [KIM], forged)
    (reply,) = office.replies
    assert reply.startswith("550 5.7.1 locked: ")
    assert await office.kept() == 0
    assert office.refused("tenant") == 1
    (told,) = office.house.log_lines("connector.refused")
    assert (told["level"], told["reason"], told["tenant"]) == ("warning", "tenant", office.foreign.id)
    assert SECRET not in office.house.log.getvalue()


async def test_a_rule_that_lost_its_secret_is_told_of(office: Office) -> None:
    office.tenant.run(f'Set-TransportRule "{RULE}" -SetHeaderValue another')
    await office.send(KIM)
    assert office.replies[0].startswith("550 5.7.1 locked: X-Mailguard-Secret is another listener's")
    assert office.refused("secret") == 1
    assert await office.kept() == 0


async def test_whoever_answers_for_the_service_hears_of_it_once_an_hour(office: Office) -> None:
    office.tenant.run(f'Set-TransportRule "{RULE}" -SetHeaderValue another')
    for _ in range(3):
        await office.send(KIM)
    await office.wait(minutes=1)
    (told,) = office.cloud.to(POSTMASTER)
    assert b"did not open the lock" in told.raw
    await office.wait(hours=1)
    await office.send(KIM)
    await office.wait(minutes=1)
    assert len(office.cloud.to(POSTMASTER)) == 2
    assert office.refused("secret") == 4


async def test_mail_of_the_tenant_that_nobody_inside_wrote_is_refused(office: Office) -> None:
    office.tenant.run(f'Set-TransportRule "{RULE}" -FromScope $null')
    await office.send(MO, sender=KIM)
    assert office.replies[0].startswith("550 5.7.1 locked: nobody of us is in From")
    assert office.refused("sender") == 1


async def test_whoever_comes_by_themselves_is_refused(office: Office) -> None:
    """From an address that is let in, with everything in the header that the provider writes, but the secret."""
    raw = letter(ANN, KIM, X_MS_Exchange_CrossTenant_Id=ID, X_OriginatorOrg="corp.onmicrosoft.com")
    alone = Letter(raw, ANN, (KIM,), ADDRESS, inside=False)
    reply = await office.cloud.deliver(Smarthost(NAME), alone)
    assert reply.startswith("550 5.7.1 locked: the mail has no X-Mailguard-Secret")
    reply = await office.cloud.deliver(Smarthost(NAME), alone, secured=False)
    assert reply.startswith("530 5.7.0 STARTTLS first")
    assert await office.kept() == 0


# --- no way round the rules -----------------------------------------------------------------------


async def test_what_a_user_writes_into_the_header_skips_no_rule(open_office: OpenOffice) -> None:
    """A stamp, the secrets (even a right one, stolen), fields that begin like ours: the mail is held as any other."""
    office = await open_office(HOLD)
    tricks: list[dict[str, str]] = [
        {"X_Mailguard_Stamp": f"v=1; id=0TSZXW0K1ABCD; t=1796025600; mac={'0' * 64}"},
        {"X_Mailguard_Return": "guessed"},
        {"X_Mailguard_Return": BACK},
        {"X_Mailguard_Secret": "guessed"},
        {"X_Mailguard_Verdict": "pass", "X_Mailguard_Bypass": "true"},
    ]
    for trick in tricks:
        await office.send(KIM, raw=letter(ANN, KIM, **trick))
    await office.wait(minutes=1)
    assert await office.kept() == len(tricks)
    assert office.cloud.to(KIM) == []
    assert len(office.house.log_lines("message.held")) == len(tricks)


async def stamped(office: Office) -> Letter:
    """A mail that was judged and came back, as it lies in a mailbox."""
    await office.send(BOB, subject="For you")
    await office.wait(minutes=1)
    (arrived,) = office.cloud.to(BOB)
    assert arrived.all(FIELD)
    return arrived


async def test_a_stamp_for_other_recipients_skips_no_rule(open_office: OpenOffice) -> None:
    """Bob's mailbox sends on to Kim what was judged for Bob."""
    office = await open_office(HOLD)
    arrived = await stamped(office)
    await office.cloud.submit(office.tenant, ANN, [KIM], arrived.raw)
    await office.wait(minutes=1)
    assert office.cloud.to(KIM) == []
    assert len(office.house.log_lines("message.held")) == 1
    assert office.looped() == 0


async def test_a_stamp_on_other_words_skips_no_rule(open_office: OpenOffice) -> None:
    office = await open_office(HOLD)
    arrived = await stamped(office)
    for raw in (arrived.raw + b"And the price list.\r\n", arrived.raw.replace(b"Message-ID: <", b"Message-ID: <x")):
        await office.cloud.submit(office.tenant, ANN, [BOB, KIM], raw)
    await office.wait(minutes=1)
    assert office.cloud.to(KIM) == []
    assert len(office.house.log_lines("message.held")) >= 2
    assert office.looped() == 0


async def test_a_stamp_of_another_mailguard_skips_no_rule(open_office: OpenOffice) -> None:
    office = await open_office(HOLD)
    raw = letter(ANN, KIM)
    head, _, body = raw.partition(b"\r\n\r\n")
    about = Handed.of(Letter(raw, ANN, (KIM,), "", inside=True).all("message-id")[0], body_hash(body), [KIM])
    for key in ("7" * 64, STAMP):  # the second one is ours: that shows that the first was right but for its key
        stamps = Stamps(StampSettings.model_validate({"key": key}))
        stamp = stamps.make("0TSZXW0K1ABCD", about, office.house.clock.now()).encode()
        await office.send(KIM, raw=head + b"\r\n" + FIELD.encode() + b": " + stamp + b"\r\n\r\n" + body)
    await office.wait(minutes=1)
    assert office.cloud.to(KIM) == []
    assert len(office.house.log_lines("message.held")) == 1
    assert office.looped() == 1


# --- in circles -----------------------------------------------------------------------------------


async def test_what_comes_back_unchanged_is_refused_at_once(office: Office) -> None:
    """Rule 1 is off: Exchange Online sends to mailguard what it has from there."""
    office.tenant.run('Disable-TransportRule "mailguard 1: has been judged"')
    await office.send(BOB)
    await office.wait(minutes=6)
    assert [office.handed, await office.kept()] == [2, 1]
    assert office.replies == [
        "554 5.4.6 this mail left here before and came back: the provider's rule must not send us what it has from us"
    ]
    assert office.looped() == 1
    (told,) = office.house.log_lines("message.looped")
    assert (told["level"], told["known_by"]) == ("error", "stamp")
    assert told["queue_id"] in {mail.queue_id for mail in await office.house.service.store.find(Filter(limit=10))}
    assert SECRET not in office.house.log.getvalue()
    assert BACK not in office.house.log.getvalue()


async def test_what_comes_back_in_other_parts_is_neither_lost_nor_passed(office: Office) -> None:
    """Nor taken for a part of what left here: each is judged anew until it is refused, and its sender told."""
    office.tenant.run('Disable-TransportRule "mailguard 1: has been judged"')
    await office.send(BOB, LEE)
    office.cloud.most = 1  # the stamp is for both together, and they come back one by one
    for _ in range(5):
        await office.wait(minutes=1)
    assert {one for bounced in office.bounced for one in bounced.recipients} == {BOB, LEE}
    assert all(reply.startswith("554 5.4.6 ") for reply in office.replies)
    assert office.cloud.delivered == []


async def test_what_comes_back_changed_is_judged_each_time_and_refused_after_three(office: Office) -> None:
    """The provider makes its messages anew: no stamp fits, and no rule is skipped."""
    office.tenant.rewrites = True
    office.tenant.run('Disable-TransportRule "mailguard 1: has been judged"')
    await office.send(BOB)
    for _ in range(5):
        await office.wait(minutes=1)
    assert office.replies == ["554 5.4.6 this mail is going round in circles"]
    assert len(office.house.log_lines("message.evaluated")) == office.handed - 1 == 3
    assert office.looped() == 1


# --- secrets --------------------------------------------------------------------------------------


def lock(house: House, **files: Path) -> None:
    """The lock's files, in the configuration's own file; live after a reload."""
    data: Any = yaml.read(house.config.path).data
    here = data["smtp"]["listeners"][0]["lock"]
    kept = {name: value for name, value in here.items() if not name.endswith("_file")}
    data["smtp"]["listeners"][0]["lock"] = {**kept, **{name: str(path) for name, path in files.items()}}
    house.config.path.write_text(json.dumps(data), "utf-8")


async def arrives(office: Office) -> bool:
    before = len(office.cloud.to(BOB))
    await office.send(BOB)
    await office.wait(minutes=1)
    return len(office.cloud.to(BOB)) > before


async def test_while_the_secret_is_changed_both_are_good(office: Office, tmp_path: Path) -> None:
    old, new = tmp_path / "connector.secret", tmp_path / "connector.new"
    new.write_text(NEXT)
    lock(office.house, secret_file=new, old_secret_file=old)
    await office.house.reload()
    assert await arrives(office)
    office.tenant.run(recipe()[6], New=NEXT)
    assert await arrives(office)
    lock(office.house, secret_file=new)
    await office.house.reload()
    assert await arrives(office)
    office.tenant.run(recipe()[6], New=SECRET)  # whoever knows the old one
    assert not await arrives(office)
    assert office.refused("secret") == 1


async def test_the_secret_of_the_way_back_is_changed_without_a_gap(office: Office, tmp_path: Path) -> None:
    office.tenant.run(recipe()[7], Return=BACK, New=NEXT)
    assert await arrives(office)
    (tmp_path / "return.secret").write_text(NEXT)
    office.house.config = load(office.house.config.path, {})
    await office.house.restart()
    office.cloud.hosts[NAME] = office.house.service.smtp.ports[0]
    assert await arrives(office)
    office.tenant.run(recipe()[8], New=NEXT)
    assert await arrives(office)
    assert office.looped() == 0


async def test_the_stamps_key_is_changed_by_a_reload(office: Office, tmp_path: Path) -> None:
    """What left with the old one is known; what leaves now has the new one."""
    office.tenant.run('Disable-TransportRule "mailguard 1: has been judged"')
    (tmp_path / "stamp.new").write_text(NEXT)
    arrived: list[Letter] = []
    routed = office.tenant.routed

    def kept(letter: Letter) -> tuple[Letter, Smarthost | None]:
        if letter.source == ADDRESS and not arrived:
            arrived.append(letter)
            return letter, None
        return routed(letter)

    office.tenant.routed = kept  # type: ignore[method-assign]
    await office.send(BOB)
    await office.wait(minutes=1)
    data: Any = yaml.read(office.house.config.path).data
    data["smtp"]["stamp"] = {"key_file": str(tmp_path / "stamp.new"), "old_key_file": data["smtp"]["stamp"]["key_file"]}
    office.house.config.path.write_text(json.dumps(data), "utf-8")
    await office.house.reload()
    await office.cloud.submit(office.tenant, ANN, [BOB], arrived[0].raw)
    assert office.looped() == 1
    await office.send(BOB)
    await office.wait(minutes=1)
    assert office.looped() == 2


async def test_no_secret_is_in_the_store_the_log_or_a_mail(open_office: OpenOffice) -> None:
    """With mail that waits, is sent, is refused, goes back to its sender, and comes round in a circle."""
    office = await open_office(HOLD)
    await office.send(KIM, subject="waits")
    await office.send(BOB, subject="goes")
    office.tenant.run('Disable-TransportRule "mailguard 1: has been judged"')
    await office.send(BOB, subject="comes back")
    office.tenant.rewrites = True
    await office.send(BOB, subject="comes back again and again")
    await office.wait(minutes=1)
    office.tenant.run('Enable-TransportRule "mailguard 1: has been judged"')
    await office.wait(hours=25)  # what waits goes back to Ann, with its text
    folder = office.house.config.store_path.parent
    files = [one for one in folder.rglob("*") if one.is_file() and one.name.startswith("mail.db")]
    assert files
    assert any(b"waits" in one.read_bytes() for one in files)
    everything = b"".join(one.read_bytes() for one in files) + office.house.log.getvalue().encode()
    everything += b"".join(one.raw for one in office.cloud.delivered)
    for secret in (SECRET, BACK, STAMP):
        assert secret.encode() not in everything
    returned = [one for one in office.cloud.to(ANN) if b"waits" in one.raw]
    assert returned
