"""The judgement: who of a mail's recipients surprises more than the alarms that were asked for allow."""

from collections.abc import Mapping

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
    """Of every recipient, with a sentence where it is an alarm; None: there is not enough history to tell."""
    if len(ledger.sent) < LEAST or not 0 < len(mail.recipients) <= MOST:
        return None
    signs = Signs(ledger, background, mail)
    scores = dict(zip(mail.recipients, map(model.score, signs.rows()), strict=True))
    limit = ledger.surprises.limit(alarms, model.usual)
    found: dict[str, Doubt] = {}
    for key, score in scores.items():
        rare = ledger.surprises.rarity(score, model.usual)
        why, meant = evidence(signs, key) if rare <= limit else ("", "")
        found[key] = Doubt(score, chance(score), rare, why, meant)
    return found


def alarm(ledger: Ledger, doubt: Doubt, model: Model, alarms: float) -> bool:
    """Whether it would be one by this budget."""
    return doubt.rarity <= ledger.surprises.limit(alarms, model.usual)
