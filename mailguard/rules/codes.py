"""The stable codes of what can be wrong in a rule file; documented in docs/writing-rules.md."""

from enum import StrEnum


class Code(StrEnum):
    """Codes are never reused. Those of every file (MG1xx) are in `document.problem`."""

    CHOICE = "MG104"
    CONDITION = "MG201"
    ACTION = "MG202"
    EMPTY_WHEN = "MG203"
    LIST = "MG204"
    GROUP = "MG205"
    DUPLICATE_RULE = "MG206"
    DUPLICATE_LIST = "MG207"
    COPIES = "MG209"
    OPEN_EXPIRY = "MG210"
    EXPLAIN = "MG211"
    PATTERN = "MG212"
    VERSION = "MG213"
    NO_ACTION = "MG214"
    ONE_ACTION = "MG215"
    PERSON = "MG216"
    CONTRADICTION = "MG217"
    ADDRESS = "MG218"
    NO_FILE = "MG219"
    LEXICON = "MG220"
    SHAPE = "MG221"
    SENDER = "MG222"
    PLUGIN = "MG223"
    TEXT = "MG224"
    UNUSED_LIST = "MG250"
    UNREACHABLE = "MG251"
    SAME_WHEN = "MG252"
    SHADOWED_DELAY = "MG253"
    SHORT_WORD = "MG254"
    NEVER = "MG255"
    UNTESTED = "MG256"
    ABSENT = "MG257"


MEANING = {
    Code.CHOICE: "not one of the words allowed here",
    Code.CONDITION: "unknown condition",
    Code.ACTION: "unknown action",
    Code.EMPTY_WHEN: "an empty when, all, any or words list: it would match everything or nothing",
    Code.LIST: "unknown list",
    Code.GROUP: "unknown group",
    Code.DUPLICATE_RULE: "a rule id used twice, in one file or in two",
    Code.DUPLICATE_LIST: "a list name used twice, in one file or in two",
    Code.COPIES: "copies: matching, or assistant_of_matched, where no condition names recipients",
    Code.OPEN_EXPIRY: "on_expiry: send together with approved_by would let mail go without its approval",
    Code.EXPLAIN: "an unknown field in an explain or message text",
    Code.PATTERN: "a regular expression that RE2 does not accept, or that is found in every text",
    Code.VERSION: "written for a newer mailguard",
    Code.NO_ACTION: "a rule that does nothing",
    Code.ONE_ACTION: "an entry of then with no action or several",
    Code.PERSON: "someone outside the organization who should approve or be told, or too few approvers",
    Code.CONTRADICTION: "keys that exclude or need each other",
    Code.ADDRESS: "not an address or domain",
    Code.NO_FILE: "no rule file where one is expected",
    Code.LEXICON: "unknown lexicon",
    Code.SHAPE: "a mapping or list is expected here",
    Code.SENDER: "asked of the sender, but it only says something of recipients",
    Code.PLUGIN: "a condition or action of another package that cannot be used, or fails on what is written",
    Code.TEXT: "a disclaimer that cannot be read or written",
    Code.UNUSED_LIST: "a list that no rule uses (warning)",
    Code.UNREACHABLE: "never asked: a rule before it always ends with stop (warning)",
    Code.SAME_WHEN: "the same when and unless as another rule of the same mode (warning)",
    Code.SHADOWED_DELAY: "a delay that another rule always makes as long or longer (warning)",
    Code.SHORT_WORD: "a keyword of one or two letters, or in quotes that are a part of it (warning)",
    Code.NEVER: "a rule that can never match, as it is written or with these people (warning)",
    Code.UNTESTED: "a rule that no test in its folder names under fired or not_fired (warning)",
    Code.ABSENT: "an address of ours, a group or a manager that a rule names and nobody knows (warning)",
}
