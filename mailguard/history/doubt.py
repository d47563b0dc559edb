"""The judgement: who of a mail's recipients surprises more than the alarms that were asked for allow."""

from collections.abc import Mapping

from mailguard.history.budget import rarity
from mailguard.history.evidence import evidence
from mailguard.history.ledger import Ledger
from mailguard.history.signs import Outgoing, Signs
from mailguard.history.trees import Model, chance
from mailguard.records.habits import Background, Doubt

MOST = 100  # recipients; a mail to more is a round mail, in which nobody is the odd one out
LEAST = 30  # mails of a sender that must be remembered before anything is said


def doubts(
    ledger: Ledger, background: Mapping[str, Background], mail: Outgoing, model: Model, alarms: float
) -> Mapping[str, Doubt] | None:
    """Of every recipient; None: there is not enough history to tell."""
    if len(ledger.sent) < LEAST or not 0 < len(mail.recipients) <= MOST:
        return None
    signs = Signs(ledger, background, mail)
    scores = dict(zip(mail.recipients, map(model.score, signs.rows()), strict=True))
    found: dict[str, Doubt] = {}
    for key, score in scores.items():
        rare = rarity(score, ledger.scores, model.usual, ledger.latest)
        why, meant = evidence(signs, key) if rare <= alarms else ("", "")
        found[key] = Doubt(score, chance(score), rare, why, meant)
    return found
