"""How findings look to a person, to a program and to a pull request."""

import json

from mailguard.document.problem import Problem, ordered, render

EXTERNL = Problem(
    "MG104",
    "error",
    "rules/10-base.yaml",
    6,
    25,
    7,
    '"externl" is not one of external, internal, unexpected, lookalike, freemail',
    'did you mean "external"?',
    "      recipients: {any: externl}",
    "rule external-delay",
)


def warning(path: str = "a.yaml", line: int = 1, column: int = 1, message: str = "odd", source: str = "") -> Problem:
    return Problem("MG406", "warning", path, line, column, 1, message, source=source)


def test_a_finding_shows_place_code_source_carets_and_help() -> None:
    assert render([EXTERNL]) == (
        'rules/10-base.yaml:6:25: error[MG104]: "externl" is not one of external, internal, unexpected, '
        "lookalike, freemail  (rule external-delay)\n"
        "   |       recipients: {any: externl}\n"
        "   |                         ^^^^^^^\n"
        '   = help: did you mean "external"?\n'
        "1 error in 1 file"
    )


def test_the_last_line_counts_errors_warnings_and_files() -> None:
    found = [EXTERNL, warning(), warning(line=2)]
    assert render(found).splitlines()[-1] == "1 error, 2 warnings in 2 files"


def test_nothing_wrong_is_said_too() -> None:
    assert render([]) == "no problems"


def test_findings_come_by_file_and_place_each_once() -> None:
    first, second, third = warning("a", 2, 9), warning("a", 10, 1), warning("b", 1, 1)
    assert ordered([third, second, first, second]) == [first, second, third]


def test_a_finding_without_a_place_names_the_file_only() -> None:
    text = render([Problem("MG101", "error", "a.yaml", 0, 0, 0, "there is no such file")])
    assert text.splitlines()[0] == "a.yaml: error[MG101]: there is no such file"


def test_terminal_escapes_in_a_file_stay_letters() -> None:
    text = render([warning(path="\x1b[2Ja", message="\x1b]0;x\x07 \u202e", source="\x1b[31mred\u2066")])
    assert not set(text) & set("\x1b\x07\u202e\u2066")


def test_carets_stand_below_wide_letters_and_tabs() -> None:
    problem = Problem("MG104", "error", "a", 1, 5, 3, "odd", source="文\tx bad")
    source, carets = render([problem]).splitlines()[1:3]
    assert source == "   | 文 x bad"
    assert carets == "   | " + " " * 5 + "^^^"  # two columns, tab as one space, x, space


def test_a_long_line_is_cut_around_the_place() -> None:
    problem = Problem("MG104", "error", "a", 1, 5001, 3, "odd", source="x" * 5000 + "bad" + "y" * 5000)
    source, carets = render([problem]).splitlines()[1:3]
    assert len(source) < 170
    assert source[carets.index("^") : carets.rindex("^") + 1] == "bad"


def test_json_holds_every_field_and_the_counts() -> None:
    told = json.loads(render([EXTERNL, warning()], "json"))
    assert (told["errors"], told["warnings"], told["files"]) == (1, 1, 2)
    assert told["problems"][1]["code"] == "MG104"
    assert told["problems"][1]["column"] == 25
    assert told["problems"][1]["help"] == 'did you mean "external"?'


def test_github_shows_it_beside_the_line() -> None:
    problem = Problem("MG104", "error", "a,b:c.yaml", 6, 25, 7, "100% wrong", "line\nbreak", context="rule x")
    assert render([problem], "github").splitlines()[0] == (
        "::error file=a%2Cb%3Ac.yaml,line=6,col=25,endColumn=32,title=MG104::100%25 wrong (rule x)%0Aline%0Abreak"
    )
