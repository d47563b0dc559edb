"""What the rules' verdict becomes while the guard stands aside (decision 13)."""

from dataclasses import replace

from mailguard.records import Action, Mode, Verdict

TAG = "bypass"


def stand_aside(verdict: Verdict) -> Verdict:
    """Passes at once; what the rules said is recorded as an audit rule's word would be."""
    hits = tuple(replace(hit, mode=Mode.AUDIT) for hit in verdict.hits)
    return Verdict(Action.PASS, hits=hits, tags=(TAG, *verdict.tags), rules_hash=verdict.rules_hash)
