"""What can be wrong in a rule file is said at its place, all of it at once."""

import re
from pathlib import Path

import pytest

from mailguard.document.problem import Problem
from mailguard.errors import RuleError
from mailguard.records import Mode
from mailguard.rules.codes import MEANING, Code
from mailguard.rules.loader import load, rule_files
from tests.unit.rules.judge import PEOPLE, pointed, problems, rule, rules

DOCS = Path(__file__).parents[3] / "docs" / "writing-rules.md"
ALWAYS = "{always: true}"
HOLD = "[{hold: sender_confirms}]"

WRONG = [
    (rule("{recipients: {any: externl}}"), "MG104", "externl"),
    (rule("{message: {is: [replyall]}}"), "MG104", "replyall"),
    (rule("{words: {any: [a], in: [bodi]}}"), "MG104", "bodi"),
    (rule("{words: {any: [a], forms: xx}}"), "MG104", "xx"),
    (rule(ALWAYS, mode="enforced"), "MG104", "enforced"),
    (rule(ALWAYS, on_error="ignore"), "MG104", "ignore"),
    (rule(ALWAYS, budget="200"), "MG106", "200"),
    (rule(ALWAYS, budget="0ms"), "MG107", "0ms"),
    (rule(ALWAYS, budget="1h"), "MG107", "1h"),
    (rule(ALWAYS, severity="extreme"), "MG104", "extreme"),
    (rule(ALWAYS, "[{delay: {for: 5m, shorten: everyone}}]"), "MG104", "everyone"),
    (rule(ALWAYS, "[{hold: {on_expiry: sned}}]"), "MG104", "sned"),
    (rule("{recipents: {any: external}}"), "MG201", "recipents"),
    (rule(ALWAYS, "[{dely: 5m}]"), "MG202", "dely"),
    (rule("{}"), "MG203", "when"),
    (rule("{all: []}"), "MG203", "all"),
    (rule("{not: {}}"), "MG203", "not"),
    (rule("{words: {in: [body]}}"), "MG203", "words"),
    (rule("{message: {is: []}}"), "MG203", "is"),
    ("rules:\n  - id: r\n    then: [{delay: 5m}]\n", "MG203", ""),
    (rule("{words: {list: secrets}}"), "MG204", "secrets"),
    (rule("{recipients: {any: {in: partners}}}"), "MG204", "partners"),
    (rule("{sender: {group: bosses}}"), "MG205", "bosses"),
    (rule("{sender: {title: '*'}}"), "MG221", "'*'"),
    (rule("{sender: {title: [cfo, 3]}}"), "MG221", "title"),
    (rule(ALWAYS, "[{hold: {until: {approved_by: {group: bosses}}}}]"), "MG205", "bosses"),
    (rule(ALWAYS) + rule(ALWAYS).partition("rules:\n")[2], "MG206", "r"),
    (rule("{identifier: {kind: ibann}}"), "MG104", "ibann"),
    (rule("{identifier: {kind: [iban, os.path]}}"), "MG104", "os.path"),
    (rule("{sender: lookalike}"), "MG222", "lookalike"),
    (rule("{sender: {not: no_contact}}"), "MG222", "sender"),
    (rule("{recipients: {any: lookalik}}"), "MG104", "lookalik"),
    (rule("{missing: boss@}"), "MG218", "boss@"),
    (rule("{missing: {any: [boss@corp.example, legl]}}"), "MG104", "legl"),
    (rule("{missing: {all: {group: bosses}}}"), "MG205", "bosses"),
    (rule("{missing: {any: []}}"), "MG203", "any"),
    (rule("{missing: {any: boss@corp.example, in: [too]}}"), "MG104", "too"),
    (rule("{missing: {any: a@b.example, all: c@d.example}}"), "MG217", "missing"),
    (rule("{attachment: {missing: true, larger_than: 1MB}}"), "MG217", "attachment"),
    (rule(ALWAYS, "[{to_bcc: everybody}]"), "MG104", "everybody"),
    (rule(ALWAYS, "[{to_bcc: true}]"), "MG209", "true"),
    (rule(ALWAYS, "[{drop: true}]"), "MG209", "true"),
    (rule("{to: {any: external}}", "[{drop: {edit_sined: true}}]"), "MG103", "edit_sined"),
    (rule(ALWAYS, "[{add_header: {name: Bcc, value: y}}]"), "MG106", "Bcc"),
    (rule(ALWAYS, "[{add_header: {name: Content-Type, value: y}}]"), "MG106", "Content-Type"),
    (rule(ALWAYS, "[{add_header: {name: 'X:', value: y}}]"), "MG106", "'X:'"),
    (rule(ALWAYS, '[{add_header: {name: X, value: "a\\r\\nBcc: b"}}]'), "MG106", '"a\\r\\nBcc: b"'),
    (rule(ALWAYS, "[{add_header: {name: X}}]"), "MG105", "add_header"),
    (rule(ALWAYS, "[{subject: {prefix: '=?utf-8?q?x?='}}]"), "MG106", "'=?utf-8?q?x?='"),
    (rule(ALWAYS, "[{delay: {for: 5m, copies: matching}}]"), "MG209", "matching"),
    (rule("{not: {to: {any: external}}}", "[{delay: {for: 5m, copies: matching}}]"), "MG209", "matching"),
    (rule(ALWAYS, "[{cc: assistant_of_matched}]"), "MG209", "assistant_of_matched"),
    (rule(ALWAYS, "[{hold: {until: {approved_by: boss@corp.example}, on_expiry: send}}]"), "MG210", "send"),
    (rule(ALWAYS, explain='"{mached}"'), "MG211", '"{mached}"'),
    (rule(ALWAYS, explain='"a { brace"'), "MG211", '"a { brace"'),
    (rule(ALWAYS, "[{reject: '{whre}'}]"), "MG211", "'{whre}'"),
    (rule("{pattern: {re: '(a', in: [body]}}"), "MG212", "'(a'"),
    (rule("{pattern: {re: 'a(?=b)'}}"), "MG212", "'a(?=b)'"),
    (rule("{header: {name: X, pattern: '['}}"), "MG212", "'['"),
    (rule("{pattern: {re: '[A-Z]*', in: [body]}}"), "MG212", "'[A-Z]*'"),
    (rule("{recipients: {any: {pattern: 'x|'}}}"), "MG212", "'x|'"),
    (rule("{recipients: {any: {pattern: '*'}}}"), "MG212", "'*'"),
    ("version: 2\nrules: []\n", "MG213", "2"),
    (rule(ALWAYS, "[]"), "MG214", "then"),
    (rule(ALWAYS, "[{delay: 5m, tag: x}]"), "MG215", "{delay: 5m, tag: x}"),
    (rule(ALWAYS, "[delay]"), "MG215", "delay"),
    (rule(ALWAYS, "[{hold: {until: {approved_by: x@other.example}}}]"), "MG216", "x@other.example"),
    (rule(ALWAYS, "[{notify: {to: [sender, x@other.example]}}]"), "MG216", "x@other.example"),
    (rule(ALWAYS, "[{hold: {until: {approved_by: [boss@corp.example], of: 2}}}]"), "MG216", "2"),
    (rule("{header: {name: X, is: a, contains: b}}"), "MG217", "header"),
    (rule("{time: {zone: UTC}}"), "MG217", "time"),
    (rule("{label: {any: [a], present: true}}"), "MG217", "label"),
    (rule("{secret: {kind: tokens}}"), "MG104", "tokens"),
    (rule("{tone: angry}"), "MG104", "angry"),
    (rule("{greeting: nobody}"), "MG104", "nobody"),
    (rule("{greeting: {companies: firms}}"), "MG204", "firms"),
    (rule(ALWAYS, "[{hold: sender_confirms}, {hold: sender_confirms}]"), "MG217", "hold"),
    (rule("{recipients: {any: {in: [nobody]}}}"), "MG218", "nobody"),
    (rule("{recipients: {any: {domain: a@b.example}}}"), "MG218", "a@b.example"),
    (rule("{recipients: {any: {domain: '*client.example'}}}"), "MG218", "'*client.example'"),
    (rule("{recipients: {any: {domain: 'https://client.example'}}}"), "MG218", "'https://client.example'"),
    (rule("{recipients: {any: {in: ['*@client,example']}}}"), "MG218", "'*@client,example'"),
    (rule("{recipients: {any: {in: ['sales-*@client.example']}}}"), "MG218", "'sales-*@client.example'"),
    (rule(ALWAYS, "[{cc: '*@corp.example'}]"), "MG218", "'*@corp.example'"),
    (rule(ALWAYS, "[{cc: everybody}]"), "MG218", "everybody"),
    ("lists: {a: {lexicon: [confidental-en]}}\n" + rule("{words: {list: a}}"), "MG220", "confidental-en"),
    (rule("external"), "MG221", "external"),
    (rule("{any: {always: true}}"), "MG221", "any"),
    (rule("{recipients: {any: {group: legal, domain: a.example}}}"), "MG221", "any"),
    (rule(ALWAYS, "{delay: 5m}"), "MG221", "then"),
    (rule("{sender: unexpected}"), "MG222", "unexpected"),
    ("lists: {unused: [a]}\n" + rule(ALWAYS), "MG250", "unused"),
    (rule(ALWAYS, modus="audit"), "MG103", "modus"),
    (rule(ALWAYS, "[{delay: {for: 5m, copy: all}}]"), "MG103", "copy"),
    (rule(ALWAYS, "[{delay: 5x}]"), "MG106", "5x"),
    (rule(ALWAYS, "[{delay: {for: 0s}}]"), "MG107", "0s"),
    (rule(ALWAYS, "[{delay: {copies: all}}]"), "MG106", "delay"),
    (rule(ALWAYS, "[{hold: {expires: 0s}}]"), "MG107", "0s"),
    (rule(ALWAYS, "[{hold: {escalate: {after: 4h, to: boss@corp.example}}}]"), "MG217", "escalate"),
    (rule(ALWAYS, "[{hold: {expires: 1h, remind: 2h}}]"), "MG217", "2h"),
    (
        rule(ALWAYS, "[{hold: {until: {approved_by: boss@corp.example}, escalate: {after: 4h, to: x@other.example}}}]"),
        "MG216",
        "x@other.example",
    ),
    (
        rule(ALWAYS, "[{hold: {until: {approved_by: boss@corp.example}, escalate: {after: 4h, to: [{group: legl}]}}}]"),
        "MG205",
        "legl",
    ),
    (rule(ALWAYS, "[{hold: sender_confirm}]"), "MG104", "sender_confirm"),
    (rule(ALWAYS, "[{hold: {until: {approved_by: manager_of_sender, on: 2}}}]"), "MG103", "on"),
    (rule("{attachment: {type: [ofice]}}"), "MG104", "ofice"),
    (rule("{attachment: {type: ofice}}"), "MG104", "ofice"),
    (rule("{attachment: {larger_than: 10 MBs}}"), "MG106", "10 MBs"),
    (rule("{attachment: {macros: sometimes}}"), "MG106", "sometimes"),
    (rule("{attachment: {count: 0}}"), "MG107", "0"),
    (rule("{attachment: {known_elsewhere: false}}"), "MG104", "false"),
    (rule("{attachment: {total_larger_than: big}}"), "MG106", "big"),
    (rule("{words: {any: [x], in: [file_name]}}"), "MG104", "file_name"),
    (rule(ALWAYS, "[{tag: [a, b c]}]"), "MG106", "b c"),
    ("version: '2'\nrules: []\n", "MG213", "'2'"),
    ("rules: [just text]\n", "MG106", "just text"),
    ("rules:\n  - {id: a b, when: {always: true}, then: [{delay: 5m}]}\n", "MG106", "a b"),
    (rule("{always: false}"), "MG106", "false"),
    (rule("{time: {outside: 'Mon-Fry 08:00-18:00'}}"), "MG106", "'Mon-Fry 08:00-18:00'"),
    (rule("{time: {outside: 'Mon 08:00-18:00', zone: Europe/Warschau}}"), "MG106", "Europe/Warschau"),
    (rule("{time: {outside: office}}"), "MG217", "office"),
    (rule("{time: {outside: office, zone: UTC}}"), "MG217", "UTC"),
    (rule(ALWAYS, "[{delay: {until: office}}]"), "MG217", "office"),
    (rule(ALWAYS, "[{delay: {until: offices}}]"), "MG106", "offices"),
    (rule(ALWAYS, "[{delay: {for: {externl: 5m}}}]"), "MG104", "externl"),
    (rule(ALWAYS, "[{delay: {for: {external: 5x}}}]"), "MG106", "5x"),
    (rule(ALWAYS, "[{delay: {for: {external: 400d}}}]"), "MG107", "400d"),
    (rule(ALWAYS, "[{delay: {for: {external: none}}}]"), "MG106", "for"),
    (rule(ALWAYS, "[{delay: {for: {}}}]"), "MG106", "for"),
    (rule(ALWAYS, "[{delay: {for: [5m]}}]"), "MG106", "for"),
    (rule(ALWAYS, "[{disclaimer: {html: x}}]"), "MG105", "disclaimer"),
    (rule(ALWAYS, "[{disclaimer: ''}]"), "MG106", "''"),
    (rule(ALWAYS, "[{disclaimer: {text: [x]}}]"), "MG106", "text"),
    (rule(ALWAYS, "[{disclaimer: {text: {file: 3}}}]"), "MG106", "3"),
    (rule(ALWAYS, "[{disclaimer: {text: x, at: bottom}}]"), "MG104", "bottom"),
    (rule(ALWAYS, "[{disclaimer: {text: {file: none.txt}}}]"), "MG224", "none.txt"),
    (rule(ALWAYS, "[{disclaimer: {text: {file: .}}}]"), "MG224", "."),
    (rule(ALWAYS, f"[{{disclaimer: {{text: x, html: {'y' * 801}}}}}]"), "MG224", "y" * 801),
    (rule(ALWAYS, "[{delay: 400d}]"), "MG107", "400d"),
    (rule("{recipient_count: {at_least: 0}}"), "MG107", "0"),
]


@pytest.mark.parametrize(("text", "code", "marked"), WRONG)
def test_each_mistake_is_one_problem_at_its_place(text: str, code: str, marked: str) -> None:
    if not marked:
        assert [code for code, _ in pointed(text)] == [code]
        return
    if text.count("id: r\n") == 2:
        text = text.replace("version: 1\n", "", 1)
    assert pointed(text) == [(code, marked)]


def test_every_code_has_a_mistake_in_the_table_and_a_line_in_the_documentation() -> None:
    warned = {code for code in Code if code > Code.UNUSED_LIST}  # in test_lint.py
    elsewhere = {Code.DUPLICATE_LIST, Code.NO_FILE} | warned  # they take files: tested below
    elsewhere |= {Code.PLUGIN}  # in test_entry_points.py
    assert {code.value for code in Code} - {code for _, code, _ in WRONG} == elsewhere
    assert set(MEANING) == set(Code)
    documented = DOCS.read_text("utf-8")
    assert [code for code in Code if f"| {code} |" not in documented] == []


@pytest.mark.parametrize(
    ("text", "help_"),
    [
        (rule("{recipients: {any: externl}}"), 'did you mean "external"?'),
        (rule("{recipents: {any: external}}"), 'did you mean "recipients"?'),
        (rule(ALWAYS, "[{dely: 5m}]"), 'did you mean "delay"?'),
        ("lists: {secret: [a]}\n" + rule("{words: {list: secrt}}"), 'did you mean "secret"?'),
        (rule("{sender: {group: executive}}"), 'did you mean "executives"?'),
        (rule(ALWAYS, explain='"{mached}"'), 'did you mean "matched"?'),
    ],
)
def test_a_wrong_word_gets_its_neighbour(text: str, help_: str) -> None:
    assert help_ in [problem.help for problem in problems(text)]


def test_a_problem_names_its_rule() -> None:
    assert problems(rule("{recipients: {any: externl}}"))[0].context == "rule r"


def test_all_problems_of_all_files_come_at_once_and_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("rules:\n  - {id: a, when: {always: 1}, then: [{dely: 5m}, {delay: 5}]}\n")
    (tmp_path / "b.yaml").write_text("rules: [\n")
    (tmp_path / "c.yaml").write_text(rule("{foo: 1}", "[]", bar="1"))
    with pytest.raises(RuleError) as caught:
        load([tmp_path, tmp_path / "missing.yaml"], PEOPLE)
    found = [(Path(p.path).name, p.code) for p in caught.value.problems]  # type: ignore[attr-defined]
    assert found == [
        ("a.yaml", "MG106"), ("a.yaml", "MG202"), ("a.yaml", "MG106"), ("b.yaml", "MG102"),
        ("c.yaml", "MG201"), ("c.yaml", "MG214"), ("c.yaml", "MG103"), ("missing.yaml", "MG101"),
    ]  # fmt: skip
    assert "8 errors in 4 files" in str(caught.value)


def test_ids_and_lists_are_one_name_space_over_all_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("lists: {w: [x]}\n" + rule("{words: {list: w}}"))
    (tmp_path / "b.yaml").write_text("lists: {w: [y]}\n" + rule("{words: {list: w}}"))
    with pytest.raises(RuleError) as caught:
        load([tmp_path], PEOPLE)
    found = {p.code: p for p in caught.value.problems if isinstance(p, Problem)}
    assert set(found) == {"MG206", "MG207"}
    assert all("b.yaml" in p.path and "a.yaml:" in p.message for p in found.values())


def test_a_list_of_one_file_serves_the_rules_of_another(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(rule("{words: {list: w}}"))
    (tmp_path / "z.yaml").write_text("lists: {w: [x]}\n")
    assert load([tmp_path / "*.yaml"], PEOPLE).warnings == ()


def test_tests_are_never_rules_and_a_pattern_that_means_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(rule(ALWAYS))
    (tmp_path / "a.test.yaml").write_text("tests: not rules")
    assert [path.name for path in rule_files([tmp_path])[0]] == ["a.yaml"]
    with pytest.raises(RuleError) as caught:
        load([tmp_path / "*.yml"], PEOPLE)
    assert [p.code for p in caught.value.problems] == ["MG219"]  # type: ignore[attr-defined]


def test_rules_are_ordered_by_file_name_then_position(tmp_path: Path) -> None:
    for folder, name, ids in (("x", "20-b", "cd"), ("y", "10-a", "ab")):
        (tmp_path / folder).mkdir()
        text = "rules:\n" + "".join(f"  - {{id: {one}, when: {ALWAYS}, then: {HOLD}}}\n" for one in ids)
        (tmp_path / folder / f"{name}.yaml").write_text(text)
    loaded = load([tmp_path / "x", tmp_path / "y"], PEOPLE)
    assert [rule.id for rule in loaded.rules] == ["a", "b", "c", "d"]


def test_the_hash_names_the_policy() -> None:
    one = rules(rule(ALWAYS))
    assert one.hash == rules(rule(ALWAYS) + "# a comment\n").hash
    assert one.hash != rules(rule(ALWAYS, "[{delay: 6m}]")).hash
    assert re.fullmatch(r"[0-9a-f]{64}", one.hash)


def test_off_is_a_word_and_not_a_boolean() -> None:
    assert rules(rule(ALWAYS, mode="off")).rules[0].mode is Mode.OFF


@pytest.mark.parametrize(
    "when", ["{recipients: external}", "{recipients: [external]}", "{sender: 5}", "{words: secret}"]
)
def test_a_condition_that_is_one_word_is_shown_how_it_is_written(when: str) -> None:
    """`recipients: external` is what most people write first."""
    found = problems(rule(when))
    assert found
    assert all(problem.help for problem in found), found
