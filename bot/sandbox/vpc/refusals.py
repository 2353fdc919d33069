"""The vendor's error codes, with the status and the words they come with.

Codes and words of the route calls are from the vendor's page for DeleteVcoRouteEntry, those
of signing and of parameters from its list of common errors. Marked "inferred" is what no
page says.
"""

from typing import Final

CATALOGUE: Final[dict[str, tuple[int, str]]] = {
    # the route calls
    "Resource.QuotaFull": (400, "The quota of resource is full"),
    "VpnConnection.Configuring": (400, "The specified service is configuring."),
    "VpnConnection.FinancialLocked": (400, "The specified service is financial locked."),
    "VpnRouteEntry.AlreadyExists": (400, "The specified route entry is already exist."),
    "VpnRouteEntry.Conflict": (400, "The specified route entry has conflict."),
    "InvalidRouteEntry.NotFound": (400, "The specified route entry does not exist."),
    "TaskConflict": (
        400,
        "The operation is too frequent, please wait a moment and try again.",
    ),
    "Forbbiden.SubUser": (
        403,
        (
            "User not authorized to operate on the specified resource as your account is "
            "created by another user."
        ),
    ),
    "Forbidden": (403, "User not authorized to operate on the specified resource."),
    "InvalidVpnConnectionInstanceId.NotFound": (
        404,
        "The specified vpn connection instance id does not exist.",
    ),
    # inferred: no page names the code for a change of a connection without a transit router
    "IncorrectStatus.VpnConnection": (400, "The status of the connection forbids the operation."),
    # idempotence
    "IdempotentParameterMismatch": (
        400,
        "The request uses the same client token as a previous, but non-identical request.",
    ),
    "LastTokenProcessing": (400, "The last token request is processing."),
    "OperationFailed.IdempotentTokenProcessing": (400, "The idempotent token is processing."),
    # other states, locks and limits, from the error lists of the API's metadata
    "Vco.StatusNotSupport": (400, "The status of the connection does not support the operation."),
    "OperationFailed.DistibuteLock": (400, "Failed to get the distribute lock."),
    "OperationFailed.ConcurrentOperation": (400, "The operation is concurrent."),
    "UnknownError": (500, "The request processing has failed due to some unknown error."),
    "InvalidNextHop.NotFound": (404, "The specified next hop does not exist."),
    "IllegalParam.RouteDest": (400, "The specified route destination is illegal."),
    "OperationFailed.InvalidCidrBlock": (400, "The specified CIDR block is not valid."),
    "VpnRouteEntry.ConflictSSL": (400, "The route entry conflicts with an SSL server."),
    "VpnRouteEntry.BackupRoute": (400, "The specified route entry is a backup route."),
    "QuotaExceeded.VpnRouteEntry": (400, "The quota of route entries is exceeded."),
    "CreateDbrRoutesQuotaFull.QuotaFull": (400, "The quota of routes is full."),
    # parameters
    "MissingParameter": (400, "A mandatory parameter is not supplied."),
    "InvalidParameter": (400, "The specified parameter is not valid."),
    "InvalidRegionId.NotFound": (404, "The specified RegionId does not exist."),
    "InvalidVersion": (400, "Specified parameter Version is not valid."),
    "InvalidAction.NotFound": (
        404,
        "Specified api is not found, please check your url and method.",
    ),
    "UnsupportedHTTPMethod": (405, "This http method is not supported."),
    # who is calling
    "IncompleteSignature": (400, "The request signature does not conform to the standards."),
    "SignatureDoesNotMatch": (400, "Specified signature is not matched with our calculation."),
    "InvalidAccessKeyId.NotFound": (404, "Specified access key is not found."),
    "InvalidAccessKeyId.Inactive": (403, "Specified access key is disabled."),
    "InvalidTimeStamp.Format": (400, "Specified time stamp or date value is not well formatted."),
    "InvalidTimeStamp.Expired": (400, "Specified time stamp or date value is expired."),
    "SignatureNonceUsed": (400, "Specified signature nonce was used already."),
    "MissingSecurityToken": (400, "SecurityToken is mandatory for this action."),
    "InvalidSecurityToken.Malformed": (400, "Specified SecurityToken is malformed."),
    "InvalidSecurityToken.Expired": (400, "Specified SecurityToken is expired."),
    "InvalidSecurityToken.MismatchWithAccessKey": (
        400,
        "Specified SecurityToken mismatch with the AccessKey.",
    ),
    # load and faults of the service
    "Throttling": (400, "Request was denied due to request throttling."),
    "Throttling.User": (400, "Request was denied due to user flow control."),
    "Throttling.Api": (400, "Request was denied due to api flow control."),
    "ServiceUnavailable": (503, "The request has failed due to a temporary failure."),
    "InternalError": (500, "The request processing has failed due to some unknown error."),
}


class Refusal(Exception):
    """An error answer. `retry_after_ms` goes out as the header `x-acs-retry-after`."""

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        status: int | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        """Status and words come from the catalogue unless given."""
        known_status, known_message = CATALOGUE.get(code, (400, code))
        super().__init__(code)
        self.code = code
        self.message = message or known_message
        self.status = status or known_status
        self.retry_after_ms = retry_after_ms


class Overlap(Refusal):
    """A change was asked for while another one was still running on the connection."""


def missing(name: str) -> Refusal:
    """The refusal of a call that lacks a mandatory parameter."""
    return Refusal(
        "MissingParameter",
        f'The input parameter "{name}" that is mandatory for processing this request is '
        "not supplied.",
    )


def invalid(name: str, why: str) -> Refusal:
    """The refusal of a call whose parameter has a value that can't be."""
    return Refusal("InvalidParameter", f'The specified parameter "{name}" is not valid: {why}.')
