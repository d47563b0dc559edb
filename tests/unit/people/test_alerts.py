"""Trouble with the service reaches everybody who can do something about it, each once."""

from mailguard.people import Directory, Organization, People, Person
from mailguard.people.access import Access
from mailguard.people.alerts import Alerts
from mailguard.records import NoticeKind

PEOPLE = People(
    Organization(domains=("corp.example",)),
    Directory(
        persons=(
            Person("it@corp.example", aliases=("postmaster@corp.example",)),
            Person("ada@corp.example", groups=("it",)),
            Person("robot@corp.example", service=True),
        )
    ),
)


def told(**access: object) -> list[str]:
    alerts = Alerts("postmaster@corp.example", lambda: Access.model_validate(access), lambda: PEOPLE)
    made = alerts({"about": "bypass.ended"})
    assert {notice.kind for notice in made} == {NoticeKind.ALERT}
    return [notice.person for notice in made]


def test_without_admins_whoever_answers_for_the_service_hears() -> None:
    assert told() == ["postmaster@corp.example"]


def test_every_admin_hears_once_also_by_group_and_nobody_else() -> None:
    named = ["it@corp.example", "robot@corp.example", {"group": "it"}, "ada@corp.example", "eve@else.example"]
    assert told(admin=named, helpdesk=["hank@corp.example"]) == ["postmaster@corp.example", "ada@corp.example"]
