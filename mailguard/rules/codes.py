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
    LATER = "MG208"
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
    UNUSED_LIST = "MG250"


MEANING = {
    Code.CHOICE: "not one of the words allowed here",
    Code.CONDITION: "unknown condition",
    Code.ACTION: "unknown action",
    Code.EMPTY_WHEN: "an empty when, all, any or words list: it would match everything or nothing",
    Code.LIST: "unknown list",
    Code.GROUP: "unknown group",
    Code.DUPLICATE_RULE: "a rule id used twice, in one file or in two",
    Code.DUPLICATE_LIST: "a list name used twice, in one file or in two",
    Code.LATER: "not available yet in this version",
    Code.COPIES: "copies: matching, or assistant_of_matched, where no condition names recipients",
    Code.OPEN_EXPIRY: "on_expiry: send together with approved_by would let mail go without its approval",
    Code.EXPLAIN: "an unknown field in an explain or message text",
    Code.PATTERN: "a regular expression that RE2 does not accept",
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
    Code.UNUSED_LIST: "a list that no rule uses (warning)",
}
