"""The error codes of the VPC API: what class each is of, what it means, what to do next.

Sources: the vendor's page of DeleteVcoRouteEntry lists `Resource.QuotaFull`,
`VpnConnection.*`, `VpnRouteEntry.*`, `InvalidRouteEntry.NotFound`, `TaskConflict`,
`Forbbiden.SubUser` (its spelling), `Forbidden` and `InvalidVpnConnectionInstanceId.NotFound`;
the others are those of its sibling calls (from the error lists of the vendor's API metadata),
and of all RPC calls of the vendor.
"""

from enum import Enum, auto
from fnmatch import fnmatchcase
from typing import NamedTuple


class Kind(Enum):
    """What a code means for an operation.

    REPEATED and CLOCK are worth one more try at once, newly signed. A nonce that was used
    although it was fresh means that a copy of the request arrived first, and may have worked.
    """

    BUSY = auto()
    THROTTLED = auto()
    SERVER = auto()
    REPEATED = auto()
    CLOCK = auto()
    ALREADY_GONE = auto()
    ALREADY_THERE = auto()
    CREDENTIALS = auto()
    PERMISSION = auto()
    NO_CONNECTION = auto()
    FINAL = auto()


class Words(NamedTuple):
    """A class and two sentences, with the fields {action} and, in `next_step`, {permission}."""

    kind: Kind
    meaning: str
    next_step: str


def words_for(code: str) -> Words | None:
    """The words of a code, None where it is not in the table."""
    exact = _EXACT.get(code)
    if exact is not None:
        return exact
    return next((words for pattern, words in _WILD if fnmatchcase(code, pattern)), None)


def known(code: str) -> bool:
    """Whether the table has the code."""
    return words_for(code) is not None


def to_sign_again(code: str) -> bool:
    """Whether the same call may be sent at once with a new signature_nonce and date."""
    words = words_for(code)
    return words is not None and words.kind in (Kind.REPEATED, Kind.CLOCK)


def copy_came_first(code: str) -> bool:
    """Whether a copy of the request arrived before it, and may have worked."""
    words = words_for(code)
    return words is not None and words.kind is Kind.REPEATED


def same_call(code: str) -> bool:
    """Whether the cloud is still at work on an earlier sending of the very same call."""
    return words_for(code) is _SAME_TOKEN


_CONFIGURING = Words(
    Kind.BUSY,
    "The connection is being configured: another change on it is still running.",
    "Nothing to do: the same call is sent again when the change is done.",
)
_TASK = Words(
    Kind.BUSY,
    "Another change on this connection came just before; only one may run at a time.",
    "Nothing to do: the same call is sent again in a moment.",
)
_SAME_TOKEN = Words(
    Kind.BUSY,
    "Alibaba Cloud is still working on the first sending of this same call.",
    "Nothing to do: it is asked again, with the same ClientToken.",
)
_STATUS = Words(
    Kind.BUSY,
    "The connection's present state does not accept changes.",
    "Nothing to do at first: it is tried again. If it stays so, look at the connection's state.",
)
_NOT_FIT = Words(
    Kind.BUSY,
    "The connection's present state does not let its routes be read or changed.",
    "Nothing to do at first: it is tried again. If it stays so, look at the connection's state.",
)
_LOCKED = Words(
    Kind.BUSY,
    "Alibaba Cloud has locked the connection for another call that came just before.",
    "Nothing to do: the same call is sent again in a moment.",
)
_SYSTEM = Words(
    Kind.BUSY,
    "Alibaba Cloud's VPN service is busy.",
    "Nothing to do: the same call is sent again in a moment.",
)
_THROTTLED = Words(
    Kind.THROTTLED,
    "Too many calls were made from this account in this region.",
    "Nothing to do: it is tried again, more slowly.",
)
_SERVER = Words(Kind.SERVER, "Alibaba Cloud failed inside.", "")
_KEY = Words(
    Kind.CREDENTIALS,
    "Alibaba Cloud does not know the bot's access key, or it is disabled.",
    "Whoever runs the bot: check ALIBABA_CLOUD_ACCESS_KEY_ID, and the key's state in RAM.",
)
_TOKEN = Words(
    Kind.CREDENTIALS,
    "The bot's temporary credentials were refused: their token is missing, expired or damaged.",
    "Whoever runs the bot: renew ALIBABA_CLOUD_SECURITY_TOKEN together with its key and secret.",
)
_SIGNATURE = Words(
    Kind.CREDENTIALS,
    "The signature was refused: the bot's access key secret does not fit its access key.",
    "Whoever runs the bot: check ALIBABA_CLOUD_ACCESS_KEY_SECRET, also for stray characters.",
)
_PERMISSION = Words(
    Kind.PERMISSION,
    "The bot's access key may not do this: RAM refused.",
    "An administrator must allow {permission} in RAM; then ask again.",
)
_CLOCK = Words(
    Kind.CLOCK,
    "Alibaba Cloud refused the date of the call: the bot's clock is off.",
    "Whoever runs the bot: set the clock of its machine (NTP).",
)
_ROUTES_FULL = Words(
    Kind.FINAL,
    "The quota of routes is used up; nothing was changed.",
    "Delete routes that nobody needs, or ask for a higher quota in Alibaba Cloud's Quota Center.",
)
_BLOCK = Words(
    Kind.FINAL,
    "Alibaba Cloud lets nobody create a route to this block, or to this next hop.",
    "Compare CIDR, next hop and weight with the console, and create the route there if it can be.",
)
_PARAMETER = Words(
    Kind.FINAL,
    "Alibaba Cloud did not accept a parameter of {action}.",
    "Compare the connection, CIDR, next hop, weight and region with the console; then ask again.",
)

_EXACT: dict[str, Words] = {
    "VpnConnection.Configuring": _CONFIGURING,
    "VpnGateway.Configuring": _CONFIGURING,
    "VpnRouteEntry.Configuring": _CONFIGURING,
    "Appliance.Configuring": _CONFIGURING,
    "TaskConflict": _TASK,
    "VpnTask.CONFLICT": _TASK,
    "OperationConflict": _TASK,
    "Operation.Blocking": _TASK,
    "OperationFailed.ConcurrentOperation": _TASK,
    "Conflict.Lock": _LOCKED,
    "OperationFailed.DistibuteLock": _LOCKED,  # the vendor's spelling
    "Vco.StatusNotSupport": _NOT_FIT,
    "SystemBusy": _SYSTEM,
    "LastTokenProcessing": _SAME_TOKEN,
    "OperationFailed.LastTokenProcessing": _SAME_TOKEN,
    "OperationFailed.IdempotentTokenProcessing": _SAME_TOKEN,
    "Throttling": _THROTTLED,
    "Rejected.Throttling": _THROTTLED,
    "UnknownError": _SERVER,
    "ServiceUnavailable": _SERVER,
    "InternalError": _SERVER,
    "InternalServerError": _SERVER,
    "SignatureNonceUsed": Words(
        Kind.REPEATED,
        "Alibaba Cloud says that it saw this very request before: something on the way repeats "
        "the bot's requests.",
        "",
    ),
    "InvalidTimeStamp.Expired": _CLOCK,
    "InvalidTimeStamp.Format": _CLOCK,
    "InvalidRouteEntry.NotFound": Words(
        Kind.ALREADY_GONE,
        "There is no such route on this connection.",
        "Look at its routes with the command `list`: the weight or next hop may differ, or "
        "somebody was faster.",
    ),
    "MissingSecurityToken": _TOKEN,
    "SignatureDoesNotMatch": _SIGNATURE,
    "IncompleteSignature": _SIGNATURE,
    "Forbidden": _PERMISSION,
    "Forbbiden.SubUser": Words(
        Kind.PERMISSION,
        "The connection was created by another user of the account, and RAM does not let the "
        "bot's access key touch it.",
        "An administrator must allow {permission} in RAM; then ask again.",
    ),
    "VpnConnection.FinancialLocked": Words(
        Kind.FINAL,
        "The connection is locked because of an overdue payment; nothing was changed.",
        "Have the bill of the Alibaba Cloud account paid; then ask again.",
    ),
    "Resource.QuotaFull": Words(
        Kind.FINAL,
        "A quota of the account is used up; nothing was changed.",
        "Ask for a higher quota in Alibaba Cloud's Quota Center, or free some of it.",
    ),
    "VpnRouteEntry.AlreadyExists": Words(
        Kind.ALREADY_THERE,
        "The same route exists already; nothing was changed.",
        "Look at the connection's routes with the command `list`.",
    ),
    "VpnRouteEntry.Conflict": Words(
        Kind.FINAL,
        "The route conflicts with another one of the connection; nothing was changed.",
        "Look at the overlapping routes with the command `list`, and settle those first.",
    ),
    "InvalidVpnConnectionInstanceId.NotFound": Words(
        Kind.NO_CONNECTION,
        "There is no such IPsec-VPN connection in this region for the bot's account.",
        "Check the id and the region (`--region`), and that the bot uses the right account.",
    ),
    "IdempotentParameterMismatch": Words(
        Kind.FINAL,
        "The ClientToken was used before with other parameters; nothing was changed by this call.",
        "Look at the routes with the command `list`; if they are not as they should be, ask anew.",
    ),
    "InvalidRegionId.NotFound": Words(
        Kind.FINAL,
        "Alibaba Cloud does not know this region.",
        "Check the region (`--region`), and ALIBABA_CLOUD_REGION_ID.",
    ),
    "InvalidNextHop.NotFound": Words(
        Kind.FINAL,
        "The next hop of the route does not exist; nothing was changed.",
        "Look whether the connection was replaced, and create the route in the console if so.",
    ),
    "OperationFailed.InvalidCidrBlock": _BLOCK,
    "VpnRouteEntry.ConflictSSL": Words(
        Kind.FINAL,
        "The block overlaps the address pool of an SSL-VPN server; nothing was changed.",
        "Change the pool of the SSL-VPN server, or choose another block.",
    ),
    "VpnRouteEntry.BackupRoute": Words(
        Kind.FINAL,
        "Routes to this block are an active and a standby one: one more can't be created.",
        "Look at the connection's routes with the command `list`, and settle those first.",
    ),
    "QuotaExceeded.VpnRouteEntry": _ROUTES_FULL,
    "CreateDbrRoutesQuotaFull.QuotaFull": _ROUTES_FULL,
    "CreatePbrRoutesQuotaFull.QuotaFull": _ROUTES_FULL,
    "Resource.PbrRouteQuotaFull": _ROUTES_FULL,
    "MissingParameter": _PARAMETER,
}

_WILD: tuple[tuple[str, Words], ...] = (
    ("IncorrectStatus*", _STATUS),
    ("Throttling.*", _THROTTLED),
    ("InvalidAccessKeyId.*", _KEY),
    ("InvalidSecurityToken.*", _TOKEN),
    ("Forbidden.*", _PERMISSION),
    ("NoPermission*", _PERMISSION),
    ("IllegalParam.*", _BLOCK),
    ("InvalidParameter*", _PARAMETER),
    ("MissingParameter.*", _PARAMETER),
)
