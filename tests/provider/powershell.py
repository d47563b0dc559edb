"""As much PowerShell as a recipe has: assignments, and cmdlets with named parameters."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Value = str | bool | None | list[str]
_BLOCK = re.compile(r"^```powershell\n(.*?)^```", re.DOTALL | re.MULTILINE)
_TOKEN = re.compile(r'"(?P<quoted>[^"]*)"|(?P<comma>,)|(?P<word>[^\s,"]+)')


@dataclass(frozen=True)
class Call:
    """One cmdlet."""

    name: str
    given: Mapping[str, Value]  # a value before any parameter is '' ; a parameter without a value is True


def blocks(page: str) -> list[str]:
    """What a page shows as PowerShell."""
    return _BLOCK.findall(page)


def calls(script: str, variables: Mapping[str, str]) -> Iterator[Call]:
    """The cmdlets of a script; `variables` win over what it assigns."""
    known: dict[str, str] = {}
    for line in script.replace("`\n", " ").splitlines():
        if found := re.fullmatch(r'\$(\w+) = "([^"]*)"', line.strip()):
            known.setdefault(found[1], variables.get(found[1], found[2]))
        elif line.strip():
            yield _call(line.strip(), {**known, **variables})


def _call(line: str, variables: Mapping[str, str]) -> Call:
    name, _, rest = line.partition(" ")
    given: dict[str, Value] = {}
    at, joining = "", False
    for token in _TOKEN.finditer(rest):
        if token["comma"]:
            joining = True
        elif token["word"] and re.fullmatch(r"-[A-Za-z]\w*", token["word"]):
            at = token["word"][1:]
            given[at] = True
        else:
            value = token["quoted"] if token["quoted"] is not None else _word(token["word"], variables)
            before = given.get(at)
            if joining:
                assert isinstance(value, str)
                given[at] = [*(before if isinstance(before, list) else [str(before)]), value]
            else:
                given[at] = value
            joining = False
    return Call(name, given)


def _word(word: str, variables: Mapping[str, str]) -> Value:
    if not word.startswith("$"):
        return word
    fixed: dict[str, Value] = {"true": True, "false": False, "null": None}
    name = word[1:].lower()
    return fixed[name] if name in fixed else variables[word[1:]]
