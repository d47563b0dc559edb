"""What libyaml says of broken YAML, said so that a person can mend it: (message, help)."""

_QUOTE = 'if this is text, put it in quotes, like "{}"'
_INDENT = "keys of one mapping start in the same column, two spaces deeper than what they belong to"

_SAID = {
    "mapping values are not allowed in this context": (
        'there is a ":" where no key can be',
        'put text that contains ": " in quotes; ' + _INDENT,
    ),
    "did not find expected key": (
        "this does not fit what stands above",
        _INDENT + "; a quote inside quoted text is written twice",
    ),
    "did not find expected '-' indicator": (
        'expected the next "- " of the list',
        "a list and keys can't be mixed; " + _INDENT,
    ),
    "did not find expected ',' or ']'": (
        'a list opened with "[" lacks a "," or its "]"',
        'put "," between entries and "]" at the end',
    ),
    "did not find expected ',' or '}'": (
        'a mapping opened with "{" lacks a "," or its "}"',
        'put "," between keys and "}" at the end',
    ),
    "did not find expected node content": (
        "a value is missing here, or a bracket is opened and never closed",
        'put "]" or "}" at the end, and one value between two commas',
    ),
    "found unexpected end of stream": ("a quote is opened and never closed", "close it with the same quote"),
    "found unknown escape character": (
        "a backslash inside double quotes starts an escape, and this is none",
        "use single quotes where a backslash stands for itself, like '\\d+'",
    ),
    "found a tab character that violates indentation": ("a tab can't indent YAML", "use spaces"),
    "found a tab character where an indentation space is expected": ("a tab can't indent YAML", "use spaces"),
    "block sequence entries are not allowed in this context": (
        'a "- " can\'t stand here',
        "start the list on the next line, or write it as [a, b]",
    ),
    "did not find expected comment or line break": (
        "after | or > the text starts on the next line",
        _QUOTE.format("> 5"),
    ),
    "could not find expected ':'": (
        'a key without its ":"',
        'write "key: value", with a space after the ":"',
    ),
    "found incompatible YAML document": ("another version of YAML is asked for", "remove the %YAML line"),
    "found undefined tag handle": ("tags (!…) are not used here", _QUOTE.format("!…")),
}


def explain(problem: str, character: str, context: str) -> tuple[str, str]:
    """`character` is what stands at the place; `context` is libyaml's "while scanning an alias"."""
    if character == "\t" and "start any token" in problem:
        return "a tab can't indent YAML", "use spaces"
    if "start any token" in problem:
        return f'"{character}" can\'t start a value', _QUOTE.format(character + "…")
    if "alphabetic or numeric" in problem and context.endswith(("alias", "anchor")):
        sign = "*" if context.endswith("alias") else "&"
        kind = "an alias" if sign == "*" else "an anchor"
        return f'"{sign}" starts {kind} in YAML', f'put the text in quotes, like "{sign}@corp.example"'
    said = _SAID.get(problem)
    return said or (f"not YAML: {problem}", _INDENT)
