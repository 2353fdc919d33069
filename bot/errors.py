"""Everything that can go wrong, as one tree.

BotError
├── UserError               told to the person who asked, in one line and a mend
│   ├── CommandError        the text of a command; names the word at fault
│   ├── PreviewError        the live state does not allow what was asked
│   ├── Unclear             several things may be meant; each is offered
│   ├── TooLate             it was said too long ago to be done now
│   └── Refused             this person or this place may not do that
├── SettingsError           the environment; names the variable and the mend
├── TaskEnded               a part that runs for as long as the bot has ended unasked
├── StoreError              Redis
│   ├── StoreUnavailable    an outage: nothing was recorded, as far as we know; try later
│   ├── StoreRefused        it is there and forbids it to us: rights, a password, a command
│   ├── StoreFault          what is stored is not what we left there, or a fault of ours
│   │   ├── RecordLost      the record of a request is gone in the middle of its step
│   │   └── SealBroken      it does not bear our seal: somebody else may have written it
│   ├── StaleFence          another worker has taken over; drop what you were doing
│   └── Unreadable          a record that this version cannot read
├── SlackError              Slack's Web API
│   ├── SlackUnavailable    no answer, or a 5xx: try later
│   ├── SlackRateLimited    told to wait `retry_after` seconds
│   ├── SlackTokenRefused   about the bot, and nothing else: all waits until the token is mended
│   └── SlackRejected       a final answer: `code` is Slack's error string
│       └── ScopeMissing    the token lacks a scope for this method
└── AlibabaError            the VPC API; `code`, `detail`, `alibaba_request_id`
    ├── NotSent             nothing left this machine
    ├── OutcomeUnknown      it may have worked: read before repeating
    ├── Busy                the connection is being configured: wait, same token
    ├── Throttled           wait `retry_after` seconds with this action, same token
    ├── AlreadyGone         there is no such route
    ├── AlreadyThere        there is such a route
    └── Rejected            final
        ├── NoSuchConnection      not in this region, for this account
        ├── CredentialsRejected   an operator's problem
        └── PermissionDenied      names the RAM action that is missing
"""

from enum import StrEnum
from typing import NamedTuple


class BotError(Exception):
    """Base of every error that this program raises on purpose."""


class UserError(BotError):
    """Bad input or a state that forbids it: `problem` says what, `mend` what to do next."""

    def __init__(self, problem: str, mend: str = "") -> None:
        super().__init__(f"{problem} {mend}".strip())
        self.problem = problem
        self.mend = mend


class CommandError(UserError):
    """A command that can't be understood; `word` is at fault, `corrected` can be copied."""

    def __init__(self, problem: str, *, word: str = "", corrected: str = "") -> None:
        super().__init__(problem, f"Try: {corrected}" if corrected else "")
        self.word = word
        self.corrected = corrected


class PreviewError(UserError):
    """The live state of the connection or its routes does not allow what was asked.

    `choices` are whole corrected commands, where the requester has to choose.
    """

    def __init__(self, problem: str, mend: str = "", choices: tuple[str, ...] = ()) -> None:
        super().__init__(problem, mend)
        self.choices = choices


class RefusalReason(StrEnum):
    """Why something was refused, as a closed set: what is counted by it."""

    NOT_A_MEMBER = "not_a_member"
    UNKNOWN_PERSON = "unknown_person"
    CHANNEL = "channel"
    NO_RULE = "no_rule"
    NOT_ALLOWED = "not_allowed"
    PROTECTED = "protected"
    OWN_REQUEST = "own_request"
    NOT_APPROVER = "not_approver"
    NO_APPROVERS = "no_approvers"
    NOT_TYPED = "not_typed"
    NO_REASON = "no_reason"
    CHANGED = "changed"
    NOT_ON_RECORD = "not_on_record"
    LIMIT = "limit"


class Offer(NamedTuple):
    """A whole command that may be meant, and what it is about, in words."""

    command: str
    about: str


class Unclear(UserError):
    """What was typed may mean one of several things, or nothing that is there.

    `offers` are what may be meant; whoever takes one is checked as if they had typed it.
    """

    def __init__(self, problem: str, mend: str = "", offers: tuple[Offer, ...] = ()) -> None:
        super().__init__(problem, mend)
        self.offers = offers


class Refused(UserError):
    """A person or a place that may not do this. Refusals are told and audited.

    `reason` says why in one word of a closed set, `problem` in words for people.
    """

    def __init__(self, problem: str, mend: str = "", *, reason: RefusalReason) -> None:
        super().__init__(problem, mend)
        self.reason = reason


class TooLate(UserError):
    """What was said too long ago to be done now."""


class SettingsError(BotError):
    """Missing or wrong settings: one line for each variable, with the mend."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class TaskEnded(BotError):
    """What should run for as long as the bot has ended: start it again."""


class StoreError(BotError):
    """Redis failed us."""


class StoreUnavailable(StoreError):
    """An outage: Redis does not answer, or takes no writes for now. It passes by itself."""


class StoreWentBack(StoreUnavailable):
    """A failover has forgotten what was recorded a moment ago: all that follows begins anew."""


class StoreRefused(StoreError):
    """Redis forbids a command to our user, knows no such command, or does not let us in.

    An operator has to mend it; the text says which command.
    """


class StoreFault(StoreError):
    """A key of the wrong type, or an error in a script: it does not pass by itself."""


class RecordLost(StoreFault):
    """A request that was being worked on has no record any more: somebody has emptied Redis."""


class SealBroken(StoreFault):
    """What was found in Redis is not as this bot left it; `content` is what was found of it."""

    def __init__(self, why: str, content: str = "") -> None:
        super().__init__(why)
        self.content = content


class StaleFence(StoreError):
    """A newer claim exists: this worker's write was refused."""


class Unreadable(StoreError):
    """A stored record that this version cannot decode."""


class SlackError(BotError):
    """Slack's Web API failed us."""


class SlackUnavailable(SlackError):
    """No answer, or a server error; it may or may not have been done."""


class SlackRateLimited(SlackError):
    """HTTP 429; nothing was done. `retry_after` is in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"rate limited for {retry_after:g} s")
        self.retry_after = retry_after


class SlackTokenRefused(SlackError):
    """The bot's token is revoked, expired or unknown, or the app is disabled.

    It says nothing about the channel, the message or the person of the call: whatever was to be
    told or looked up is still to be.
    """

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"{method}: {code}")
        self.code = code


class SlackRejected(SlackError):
    """A final answer; `code` is Slack's error string, such as `channel_not_found`."""

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"{method}: {code}")
        self.code = code


class ScopeMissing(SlackRejected):
    """The bot's token lacks a scope. A look-up fails closed for it; what is to be told waits."""


class AlibabaError(BotError):
    """The VPC API refused, failed, or could not be reached.

    `code` is the vendor's code (or ours, for transport faults), `meaning` and `next_step` are
    words for people. The vendor's whole answer is never kept: it can carry secrets.
    """

    def __init__(
        self, code: str, *, meaning: str = "", next_step: str = "", alibaba_request_id: str = ""
    ) -> None:
        super().__init__(f"{code}: {meaning}" if meaning else code)
        self.code = code
        self.meaning = meaning
        self.next_step = next_step
        self.alibaba_request_id = alibaba_request_id


class NotSent(AlibabaError):
    """The connection could not be opened, or credentials could not be had: nothing was sent."""


class OutcomeUnknown(AlibabaError):
    """The request may have taken effect: read before it is repeated, with the same token."""


class Busy(AlibabaError):
    """The connection is being configured: wait, then the same call with the same token.

    `perhaps_done`: what it is busy with may be this very call, which arrived before.
    """

    def __init__(
        self,
        code: str,
        *,
        meaning: str = "",
        next_step: str = "",
        alibaba_request_id: str = "",
        perhaps_done: bool = False,
    ) -> None:
        super().__init__(
            code, meaning=meaning, next_step=next_step, alibaba_request_id=alibaba_request_id
        )
        self.perhaps_done = perhaps_done


class Throttled(AlibabaError):
    """Too many calls; `retry_after` is in seconds, None where the vendor did not say.

    `perhaps_done`: it was a failure of the service that came with a time to wait, so that the
    call may have taken effect.
    """

    def __init__(  # noqa: PLR0913 - the fields of its parent, and two of its own
        self,
        code: str,
        *,
        meaning: str = "",
        next_step: str = "",
        alibaba_request_id: str = "",
        retry_after: float | None = None,
        perhaps_done: bool = False,
    ) -> None:
        super().__init__(
            code, meaning=meaning, next_step=next_step, alibaba_request_id=alibaba_request_id
        )
        self.retry_after = retry_after
        self.perhaps_done = perhaps_done


class AlreadyGone(AlibabaError):
    """InvalidRouteEntry.NotFound: success only after an unknown outcome."""


class AlreadyThere(AlibabaError):
    """VpnRouteEntry.AlreadyExists: success only after an unknown outcome."""


class Rejected(AlibabaError):
    """A final refusal: sending it again can't help."""


class NoSuchConnection(Rejected):
    """No IPsec-VPN connection of this id is in this region, for this account."""


class CredentialsRejected(Rejected):
    """The access key, its token or its signature was refused: an operator's problem."""


class PermissionDenied(Rejected):
    """RAM refused; `next_step` names the missing action."""
