"""Who may do what beyond their own mail: roles in mailguard.yaml, and the rights that each has."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Literal

from pydantic import Field

from mailguard.document.units import Section
from mailguard.people.fields import Address
from mailguard.people.people import People
from mailguard.records import Role

Claims = frozenset[str]
"""What an OpenID provider said of somebody when they signed in."""
_NONE: Claims = frozenset()


class Right(StrEnum):
    """One thing that is allowed. Reading what others wrote is none of a role's: see `Access.content`."""

    SEE = "see"  # mails of others, without what they say
    STOP = "stop"  # the safe direction, and saying a notice again
    APPROVE = "approve"  # holds that wait for an approver, whoever it names; never one's own mail
    ACT = "act"  # send, cancel and drop for others; freeze and sweep
    RULES = "rules"  # rules, their statistics, drafts tried on past mail
    AUDIT = "audit"  # the record of decisions
    CONTENT = "content"  # read the text and files of others' mail; each time leaves a trace


RIGHTS = {
    Role.HELPDESK: frozenset({Right.SEE, Right.STOP}),
    Role.APPROVER: frozenset({Right.SEE, Right.STOP, Right.APPROVE}),
    Role.EDITOR: frozenset({Right.RULES}),
    Role.AUDITOR: frozenset({Right.SEE, Right.RULES, Right.AUDIT}),
    Role.ADMIN: frozenset(Right) - {Right.CONTENT, Right.APPROVE},
}


class OfGroup(Section):
    """Everybody in a group of people.yaml or the directory."""

    group: str = Field(min_length=1, examples=["it"])


class OfClaim(Section):
    """Everybody of whom the OpenID provider says so when they sign in there (`web.oidc.groups`)."""

    claim: str = Field(min_length=1, examples=["mailguard-admins"])


Member = Address | OfGroup | OfClaim
Careful = Literal["helpdesk", "approver", "editor", "auditor", "admin", "content"]


class Access(Section):
    """Who has which role. Nobody has one by default: everybody sees their own mail, and no more."""

    helpdesk: tuple[Member, ...] = ()
    """Find mails and say why they wait; stop them."""
    approver: tuple[Member, ...] = ()
    """Approve any hold that waits for an approver."""
    editor: tuple[Member, ...] = ()
    """See rules and their statistics, try drafts on past mail."""
    auditor: tuple[Member, ...] = ()
    """See mails, rules and the record of decisions."""
    admin: tuple[Member, ...] = Field(default=(), examples=["[it@corp.example, {group: it}]"])
    """Everything but approving and reading the text of mails."""
    content: tuple[Member, ...] = ()
    """Who of them may also read text and files of others' mail; each time leaves a trace."""
    smallest_group: int = Field(default=5, ge=1, le=1000)
    """Statistics speak of people only in groups of at least so many."""
    second_factor: tuple[Careful, ...] = ()
    """Roles that are there only for who signed in with a second factor; [admin, content], say."""

    def rights(self, address: str, people: People, claims: Claims = _NONE) -> frozenset[Right]:
        """What this person may do. Reading content without a role that sees mails is nothing."""
        roles = self.roles(address, people, claims)
        found: frozenset[Right] = frozenset().union(*(RIGHTS[role] for role in roles))
        reads = Right.SEE in found and self._is(self.content, address, people, claims)
        return found | {Right.CONTENT} if reads else found

    def roles(self, address: str, people: People, claims: Claims = _NONE) -> frozenset[Role]:
        """Of one of ours; a stranger, a list or a machine has none whatever the file says."""
        if not address or people.external(address) or people.service(address):
            return frozenset()
        return frozenset(role for role in RIGHTS if self._is(getattr(self, role.value), address, people, claims))

    def wants_second(self, address: str, people: People, claims: Claims = _NONE) -> bool:
        """Whether a role of this person's is there only for who signed in with a second factor."""
        mine = {role.value for role in self.roles(address, people, claims)}
        if "content" in self.second_factor and Right.CONTENT in self.rights(address, people, claims):
            return True
        return not mine.isdisjoint(self.second_factor)

    def claims(self) -> Claims:
        """All that is named of what an OpenID provider may say."""
        members = [one for _, _, one in self._members()]
        return frozenset(one.claim for one in members if isinstance(one, OfClaim))

    def members(self, role: Role, people: People) -> list[str]:
        """The mailboxes of those who have this role."""
        named: list[str] = []
        for one in getattr(self, role.value):
            match one:
                case OfGroup(group=group):
                    named += sorted(people.groups.get(group, ()))
                case OfClaim():  # who they are is known only while they are signed in
                    pass
                case _:
                    named.append(one)
        mailboxes = dict.fromkeys(map(people.main, named))
        return [one for one in mailboxes if role in self.roles(one, people)]

    def unknown_groups(self, people: People) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Groups that nobody is in, and where in the section they are named."""
        for name, number, member in self._members():
            if isinstance(member, OfGroup) and not people.groups.get(member.group):
                yield (name, number, "group"), member.group

    def _members(self) -> Iterator[tuple[str, int, Member]]:
        for name in (*(role.value for role in RIGHTS), "content"):
            for number, member in enumerate(getattr(self, name)):
                yield name, number, member

    @staticmethod
    def _is(members: tuple[Member, ...], address: str, people: People, claims: Claims) -> bool:
        who = people.canonical(address)

        def fits(member: Member) -> bool:
            match member:
                case OfGroup(group=group):
                    return people.in_group(who, group)
                case OfClaim(claim=claim):
                    return claim in claims
                case _:
                    return people.canonical(member) == who

        return any(map(fits, members))
