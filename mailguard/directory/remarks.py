"""A directory's mistakes as findings: few of each kind, because a thousand equal lines are read by nobody."""

from collections import Counter
from collections.abc import Iterable

from mailguard.directory.settings import LdapSettings
from mailguard.directory.words import NoAnswer
from mailguard.document.problem import Problem, Severity

EACH = 10


def few(problems: Iterable[Problem], source: str) -> list[Problem]:
    """Those about `source` cut to EACH of a code, with the number of the rest; all others."""
    kept, seen = list[Problem](), Counter[str]()
    for problem in problems:
        seen[problem.code] += problem.path == source
        if problem.path != source or seen[problem.code] <= EACH:
            kept.append(problem)
    for code, number in seen.items():
        if number > EACH:
            message = f"and {number - EACH} more entries like these"
            kept.append(Problem(code, "warning", source, 0, 0, 0, message, "the log of the service has more of them"))
    return kept


def no_answer(error: NoAnswer, settings: LdapSettings, severity: Severity) -> Problem:
    return Problem("MG505", severity, settings.url, 0, 0, 0, f"no answer from the directory: {error}", error.help)


def smaller(what: str, settings: LdapSettings, path: object) -> Problem:
    how = f"if it is right, remove {path} and run mailguard reload; else check filters, and what the account may read"
    message = f"the directory knows far less than it did ({what}): a service keeps what it knew"
    return Problem("MG506", "warning", settings.url, 0, 0, 0, message, how)
