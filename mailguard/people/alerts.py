"""Who hears of trouble with the service itself."""

from collections.abc import Callable, Mapping

from mailguard.people.access import Access
from mailguard.people.people import People
from mailguard.records import NewNotice, NoticeKind, Role

Alert = Callable[[Mapping[str, str]], list[NewNotice]]


class Alerts:
    """Whoever answers for the service (`holds.fallback`), and everybody who is an admin by now; each once."""

    def __init__(self, fallback: str, access: Callable[[], Access], people: Callable[[], People]) -> None:
        self._fallback, self._access, self._people = fallback, access, people

    def __call__(self, data: Mapping[str, str]) -> list[NewNotice]:
        """`data` says what it is about, as the template `alert.j2` asks."""
        people, first = self._people(), self._fallback
        admins = self._access().members(Role.ADMIN, people)
        others = [admin for admin in admins if people.canonical(admin) != people.canonical(first)]
        return [NewNotice(NoticeKind.ALERT, person, data=data) for person in (first, *others)]
