"""What a word says of a recipient: how much more often than their share they got mails with it."""

from math import log

import pytest

from mailguard.history.ledger import Ledger
from mailguard.history.said import Said
from mailguard.history.topics import topics
from mailguard.records import Remembered

ME, LEE, PAT, KIM = "me@corp.example", "lee@corp.example", "pat@corp.example", "kim@client.example"
BUDGET, LUNCH, UNHEARD = 1, 2, 3
Mails = list[tuple[tuple[str, ...], tuple[int, ...]]]
MAILS: Mails = [
    ((LEE, PAT), (BUDGET,)),
    ((LEE,), (LUNCH,)),
    ((PAT,), (BUDGET, LUNCH)),
    ((LEE,), ()),
    ((PAT,), (BUDGET,)),
]


def test_words_are_weighed_word_by_word_and_recipient_by_recipient() -> None:
    ledger = Ledger(Remembered(ME, float(at), to, words=words) for at, (to, words) in enumerate(MAILS))
    found = topics(ledger, Said(words=(BUDGET, LUNCH, UNHEARD)), (LEE, PAT, KIM), 9.0)
    for key in (LEE, PAT, KIM):
        usual = (sum(key in to for to, _ in MAILS) + 0.3) / (len(MAILS) + 1)
        worth = 0.0
        for word in (BUDGET, LUNCH):
            saying = [to for to, words in MAILS if word in words]
            worth += log((sum(key in to for to in saying) / usual + 2) / (len(saying) + 2))
        assert found.words[key] == pytest.approx(worth)
    assert found.known == len((BUDGET, LUNCH))
    assert found.words[PAT] > found.words[LEE] > found.words[KIM]
