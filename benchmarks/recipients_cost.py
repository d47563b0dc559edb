"""What judging a mail with ten recipients costs: python -m benchmarks.recipients_cost --corpus FILE --bodies FILE

Real mails with ten recipients, each judged by all that its sender sent and got before, as in the mail path: once as it
comes (nothing of it was looked at lately) and then again, by the time of this thread. Beside each the reading of 20 KB
of JSON, since milliseconds alone say more of the machine than of the code.
"""

import argparse
import gc
import json
import time
from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median

from benchmarks.mailcorpus import LEAST, load, senders
from mailguard.history.doubt import doubts
from mailguard.history.firm import Firm
from mailguard.history.ledger import SENT
from mailguard.history.trees import shipped

TEN, AGAIN = 10, 5
SETTLED = SENT // 4  # mails a sender must have sent
ALARMS, QUIET = 0.01, -5.0  # the score of a mail that surprises nobody: judging each takes long, and costs nothing here
_PEER = 20_000  # characters


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--bodies", type=Path)
    given = parser.parse_args()
    mails, model = load(given.corpus, given.bodies), shipped()
    who = senders(mails, LEAST)
    domains, known = {sender.rpartition("@")[2] for sender in who}, set(chain(*who.values()))
    gc.freeze()  # as the service does
    firm, document = Firm(who.__contains__), _document()
    once, again, peer = list[float](), list[float](), list[float]()
    for place, mail in enumerate(mails):
        if place in known and len(mail.recipients) == TEN and len(firm.ledger(mail.sender).sent) >= SETTLED:
            out = mail.outgoing()
            firm.ledger(mail.sender).surprises.learn(model.usual)  # as the sender's mail before has done
            judge = partial(doubts, firm.ledger(mail.sender), firm.background(out.recipients), out, model, ALARMS)
            once.append(_cost(judge))
            again.append(median(_cost(judge) for _ in range(AGAIN)))
            peer.append(median(_cost(partial(json.loads, document)) for _ in range(AGAIN)))
        if mail.domain in domains and mail.recipients:
            firm.learn(mail.outgoing().remembered(dict.fromkeys(mail.recipients, QUIET)))
        mail.forget()
    beside = median(peer)
    print(f"{len(once)} mails with {TEN} recipients; 20 KB of JSON read: {beside:.3f} ms")
    for name, costs in (("as it comes", once), ("again", again)):
        print(f"{name}: median {median(costs):.2f} ms, {median(costs) / beside:.1f} times the JSON; dearest tenth from "
              f"{sorted(costs)[len(costs) * 9 // 10]:.2f} ms")  # fmt: skip


def _cost(work: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.thread_time()
    work()
    return (time.thread_time() - began) * 1000


def _document() -> str:
    rows = [
        {"number": at, "address": f"kim{at}@client.example", "share": at / 7, "words": ["a", "b"]} for at in range(400)
    ]
    return json.dumps(rows)[: _PEER - 1].rpartition("}, {")[0] + "}]"


if __name__ == "__main__":
    main()
