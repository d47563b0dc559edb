"""What a command line may know of a directory: asked anew to check it, or the copy that the service keeps."""

from collections.abc import Callable
from pathlib import Path

from mailguard.directory import copy
from mailguard.directory.client import ask
from mailguard.directory.copy import Known, Unusable
from mailguard.directory.doubt import lost
from mailguard.directory.mapping import found as mapped
from mailguard.directory.remarks import no_answer, smaller
from mailguard.directory.settings import LdapSettings
from mailguard.directory.words import NoAnswer
from mailguard.document.problem import Problem
from mailguard.people import Found


def asked(settings: LdapSettings, path: Path, monotonic: Callable[[], float]) -> tuple[Found | None, list[Problem]]:
    """What it says now; without an answer the copy, and the reason. Nothing is written."""
    known, _ = remembered(settings, path)
    try:
        found = mapped(ask(settings, monotonic), settings)
    except NoAnswer as error:
        problem = no_answer(error, settings, "error" if error.mistake or known is None else "warning")
        return known.found if known else None, [problem]
    if known and (gone := lost(known.found, found, ())):
        return found, [smaller(gone, settings, path)]
    return found, []


def remembered(settings: LdapSettings, path: Path) -> tuple[Known | None, list[Problem]]:
    """The copy, or why there is none."""
    why = f"there is no {path} yet: the service writes it"
    try:
        if known := copy.read(path, settings):
            return known, []
    except Unusable as error:
        why = str(error)
    how = "only people.yaml is known here; run this where the service runs, as a user who may read it"
    return None, [Problem("MG507", "warning", settings.url, 0, 0, 0, f"no copy of the directory: {why}", how)]
