"""People, a request and a few words for the tests of the policy."""

from collections.abc import Callable

from builders import a_request
from msgspec.structs import replace

from bot.errors import Refused
from bot.models import Decision, People, Person, Request, Terms, Verdict

ALICE = Person(id="U0ALICE", team="T1", name="alice")
BOB = Person(id="U0BOB", team="T1", name="bob")
CAROL = Person(id="W0CAROL", team="T1", name="carol")
DAVE = Person(id="U0DAVE", team="T1", name="dave")

APPROVERS = People(users=(BOB.id,), groups=("S0NETOPS",))
TERMS = Terms(rule="VCO_APPROVERS", approvers=APPROVERS)
MEMBERS = {"S0NETOPS": [CAROL.id]}

REQUEST = a_request(terms=TERMS)
"""Alice asked, Bob and whoever is in @netops may approve."""


def let_through(question: Callable[[], object]) -> bool:
    """Whether there is no refusal."""
    try:
        question()
    except Refused:
        return False
    return True


def decided(*decisions: tuple[Verdict, str], reason: str = "", **terms: object) -> Request:
    """The request with these decisions on record, by these people, under changed terms."""
    recorded = tuple(Decision(verdict=v, by=by, at=1100.0, reason=reason) for v, by in decisions)
    return replace(REQUEST, decisions=recorded, terms=replace(TERMS, **terms))
