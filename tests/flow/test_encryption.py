"""A whole mailguard with bodies encrypted: mail goes its way, and no file of the store tells what it said."""

import base64
import os
from pathlib import Path

import pytest

from mailguard.config import load
from mailguard.errors import ConfigError
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, KIM, House, letter

TEXT = "tajemnica-przedsiebiorstwa-4711"


def key(folder: Path, name: str = "store.key") -> str:
    path = folder / name
    path.write_bytes(base64.b64encode(os.urandom(32)) + b"\n")
    path.chmod(0o600)
    return str(path)


async def carried(house: House) -> None:
    """One mail, written, delayed and sent."""
    await house.submit(letter(ANN, KIM, body=f"{TEXT}\r\n"), [KIM], sender=ANN)
    await house.wait(hours=1)
    await house.quiet()


def on_disk(house: House, text: str) -> list[str]:
    folder = house.config.store_path.parent
    return sorted(one.name for one in folder.glob("mail.db*") if text.encode() in one.read_bytes())


@pytest.mark.parametrize("on", [True, False], ids=["on", "off"])
async def test_a_mail_goes_its_way_and_leaves_no_text_behind(open_house: OpenHouse, tmp_path: Path, on: bool) -> None:
    house = await open_house(config={"encryption": {"key_file": key(tmp_path)}} if on else {})
    await carried(house)
    assert [TEXT.encode() in one.raw for one in house.arrived(KIM)] == [True]
    assert bool(on_disk(house, TEXT)) is not on
    assert on_disk(house, "Quote")


async def test_with_another_key_no_mail_is_taken(open_house: OpenHouse, tmp_path: Path) -> None:
    house = await open_house(config={"encryption": {"key_file": key(tmp_path)}})
    await carried(house)
    await house.stop()
    key(tmp_path)
    house.config = load(house.config.path, {})
    again = House(house.config, house.world, house.clock)
    with pytest.raises(ConfigError, match=r"encryption\.old"):
        await again.start()
    assert not again.service.smtp.addresses
