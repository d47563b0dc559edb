"""A condition of another package, in a whole mailguard: when it works, when it fails, when it cannot be used."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailguard.errors import ConfigError
from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, KIM, MO, letter
from tests.packages import Packages, forgotten

FAILING = """
from mailguard.plugin import Condition

class Choosy(Condition):
    def match(self, facts):
        if "plum" in facts.subject:
            raise KeyError("the secret plum of " + facts.subject)
"""
RULES = """
rules:
  - {id: choosy, when: {recipients: {any: external}, choosy: {}}, then: [{tag: [chosen]}]}
  - {id: wait, when: {recipients: {any: external}}, then: [{delay: 5m}]}
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    (tmp_path / "site-packages").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    with forgotten():
        yield Packages(tmp_path / "site-packages")


async def test_a_mail_it_fails_on_is_held_by_the_name_of_its_rule_and_others_go_on(
    packages: Packages, open_house: OpenHouse
) -> None:
    packages.lay("acme_choosy", FAILING, "choosy = acme_choosy:Choosy")
    house = await open_house(rules=RULES)
    held = await house.submit(letter(subject="A plum for you"))
    assert "held as" in held.text
    mail = await house.mail(held.queue_id)
    assert [hold.rule for hold in mail.holds] == ["choosy"]
    assert "the rule choosy could not judge this mail" in mail.holds[0].reason
    assert [hit.rule for hit in mail.hits] == ["choosy", "wait"], "the other rule was asked"
    (line,) = house.log_lines("service.failure")
    assert "choosy" in str(line)
    assert "KeyError" in str(line)
    assert "plum for you" not in house.log.getvalue(), "what the error said holds the mail's words"
    other = await house.send([MO], subject="A pear for you")
    await house.wait(minutes=5)
    assert (await house.copy(other, MO)).state is State.SENT, "a mail it does not fail on"
    await house.press(await house.link(ANN, "Held: A plum for you"), "send", confirm=KIM)
    await house.quiet()
    assert (await house.copy(held.queue_id, KIM)).state is State.SENT, "its hold is answered like any other"


async def test_the_service_does_not_start_with_a_package_it_cannot_use(
    packages: Packages, open_house: OpenHouse
) -> None:
    packages.lay("acme_choosy", "import nowhere_to_be_found", "choosy = acme_choosy:Choosy")
    with pytest.raises(ConfigError) as raised:
        await open_house()
    assert "acme_choosy 1.0" in str(raised.value.problems)


async def test_a_package_that_breaks_later_leaves_the_old_rules_live(packages: Packages, open_house: OpenHouse) -> None:
    house = await open_house(rules=RULES.replace(", choosy: {}", ""))
    before = house.service.rules.hash
    packages.lay("acme_choosy", "import nowhere_to_be_found", "choosy = acme_choosy:Choosy")
    with pytest.raises(ConfigError) as raised:
        await house.reload()
    assert "acme_choosy 1.0" in str(raised.value.problems)
    assert house.service.rules.hash == before
    (packages.folder / "acme_choosy.py").write_text(FAILING)
    house.write_rules(RULES)
    await house.reload()
    assert "held as" in (await house.submit(letter(subject="A plum"))).text
