"""Sentences that are chosen by a value rather than written where they are said."""

from mailguard.locale import N_
from mailguard.notices.fate import Stage
from mailguard.records import OnExpiry

HEADLINES = {
    Stage.HELD: N_("Held: not sent yet"),
    Stage.LEAVES: N_("Leaves {at}"),
    Stage.RETRYING: N_("On its way: next try {at}"),
    Stage.LEAVING: N_("Leaving now"),
    Stage.LEFT: N_("Left {at}"),
    Stage.FAILED: N_("Could not be delivered"),
    Stage.CANCELLED: N_("Cancelled {at}"),
}
STORIES = {
    Stage.LEAVES: N_("It leaves by itself. If it is right, there is nothing to do."),
    Stage.RETRYING: N_("The other side could not take it yet. It is tried again by itself, and can still be stopped."),
    Stage.LEAVING: N_("It is on the wire at this moment: too late to stop it."),
    Stage.LEFT: N_("Too late to stop or change it: it has left."),
    Stage.FAILED: N_("The other side refused it. Its sender has a delivery report."),
    Stage.CANCELLED: N_("Nobody who was still waiting for it got it."),
}
COPIES = {
    Stage.HELD: N_("not sent yet"),
    Stage.LEAVES: N_("leaves {at}"),
    Stage.RETRYING: N_("next try {at}"),
    Stage.LEAVING: N_("leaving now"),
    Stage.FAILED: N_("not delivered"),
    Stage.CANCELLED: N_("gets nothing"),
}
EXPIRIES = {
    OnExpiry.RETURN: N_("If nobody answers, it comes back to you {at}, and nobody gets it."),
    OnExpiry.DISCARD: N_("If nobody answers, it is cancelled {at}, and nobody gets it."),
    OnExpiry.SEND: N_("If nobody answers, it is sent {at}."),
}
GOES_BACK = N_("If nobody answers, it goes back to its sender {at}, and nobody gets it.")
WITHHELD = {
    "cc": N_("{value} gets a copy and is not shown in Cc: the mail is signed, and must not be changed"),
    "drop": N_("{value} gets nothing and is still named in To or Cc: the mail is signed, and must not be changed"),
    "subject": N_("The subject does not get its {value}: the mail is signed, and must not be changed"),
    "add_header": N_("{value} is not added to the header: the mail is signed, and must not be changed"),
    "disclaimer": N_("The disclaimer of the rule {value} is not added: the mail is signed, and must not be changed"),
}
KINDS = {
    "pdf": N_("PDF"),
    "office": N_("Office document"),
    "image": N_("picture"),
    "audio": N_("sound"),
    "video": N_("film"),
    "archive": N_("archive"),
    "executable": N_("program"),
    "calendar": N_("appointment"),
    "text": N_("text"),
}
NOTES = {
    "not_found": (
        N_("Nothing here"),
        N_("This link is not known, or what it was for is gone. Look for a newer note in your mailbox."),
    ),
    "busy": (
        N_("One moment"),
        N_("That did not work just now, and nothing was changed. Please try again in a minute."),
    ),
    "refused": (
        N_("Not understood"),
        N_(
            "The page that sent this was not one of ours, or what it sent can't be read. "
            "Open the link from your mailbox again."
        ),
    ),
    "too_often": (N_("Too many tries"), N_("Please wait ten minutes, then try again.")),
}
