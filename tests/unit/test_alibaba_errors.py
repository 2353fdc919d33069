"""What each code of the VPC API becomes, and that its words can be acted on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.alibaba.codes import to_sign_again
from bot.alibaba.errors import Call, answer, classify, is_error
from bot.errors import (
    AlibabaError,
    AlreadyGone,
    AlreadyThere,
    Busy,
    CredentialsRejected,
    NoSuchConnection,
    OutcomeUnknown,
    PermissionDenied,
    Rejected,
    Throttled,
)

DELETE = Call(
    action="DeleteVcoRouteEntry", region="cn-hangzhou", vpn_connection_id="vco-p0w5112fgnl2"
)
CREATE = Call(
    action="CreateVcoRouteEntry", region="cn-hangzhou", vpn_connection_id="vco-p0w5112fgnl2"
)
READ = Call(action="DescribeVcoRouteEntries", region="cn-hangzhou", vpn_connection_id="vco-p0w")

CLASSES: dict[type[AlibabaError], list[str]] = {
    Busy: [
        "VpnConnection.Configuring",
        "VpnGateway.Configuring",
        "VpnRouteEntry.Configuring",
        "TaskConflict",
        "VpnTask.CONFLICT",
        "Appliance.Configuring",
        "OperationConflict",
        "IncorrectStatus",
        "IncorrectStatus.VpnConnection",
        "SystemBusy",
        "LastTokenProcessing",
        "OperationFailed.LastTokenProcessing",
        "Operation.Blocking",
        "Conflict.Lock",
        "Vco.StatusNotSupport",
        "OperationFailed.IdempotentTokenProcessing",
        "OperationFailed.DistibuteLock",
        "OperationFailed.ConcurrentOperation",
    ],
    Throttled: ["Throttling", "Throttling.User", "Throttling.Api", "Rejected.Throttling"],
    OutcomeUnknown: [
        "ServiceUnavailable",
        "InternalError",
        "InternalServerError",
        "UnknownError",
        "SignatureNonceUsed",
    ],
    AlreadyGone: ["InvalidRouteEntry.NotFound"],
    AlreadyThere: ["VpnRouteEntry.AlreadyExists"],
    CredentialsRejected: [
        "InvalidAccessKeyId.NotFound",
        "InvalidAccessKeyId.Inactive",
        "InvalidSecurityToken.Expired",
        "InvalidSecurityToken.Malformed",
        "MissingSecurityToken",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "InvalidTimeStamp.Expired",
        "InvalidTimeStamp.Format",
    ],
    PermissionDenied: [
        "Forbidden",
        "Forbidden.RAM",
        "Forbbiden.SubUser",
        "NoPermission",
        "NoPermission.RAM",
    ],
    NoSuchConnection: ["InvalidVpnConnectionInstanceId.NotFound"],
    Rejected: [
        "VpnConnection.FinancialLocked",
        "Resource.QuotaFull",
        "VpnRouteEntry.Conflict",
        "MissingParameter",
        "InvalidParameter",
        "InvalidParameter.RouteDest",
        "IdempotentParameterMismatch",
        "InvalidRegionId.NotFound",
        "InvalidNextHop.NotFound",
        "IllegalParam.RouteDest",
        "OperationFailed.InvalidCidrBlock",
        "VpnRouteEntry.ConflictSSL",
        "VpnRouteEntry.BackupRoute",
        "QuotaExceeded.VpnRouteEntry",
        "CreateDbrRoutesQuotaFull.QuotaFull",
        "CreatePbrRoutesQuotaFull.QuotaFull",
        "Resource.PbrRouteQuotaFull",
    ],
}
CASES = [(code, class_) for class_, codes in CLASSES.items() for code in codes]
MOOT = {DELETE: AlreadyGone, CREATE: AlreadyThere}


@pytest.mark.parametrize("call", MOOT, ids=lambda call: call.action)
@pytest.mark.parametrize("status", [200, 400, 403, 404, 409, 429, 500, 503])
def test_the_code_decides_the_class_whatever_the_http_status(status: int, call: Call) -> None:
    for code, class_ in CASES:
        # What is said of the other call's work makes nothing moot.
        other = class_ in MOOT.values() and class_ is not MOOT[call]
        given_answer = answer(status, code=code, request_id="9208DDD8-0930")
        assert is_error(given_answer), code
        error = classify(given_answer, call)
        assert type(error) is (Rejected if other else class_), code
        assert error.code == code
        assert error.alibaba_request_id == "9208DDD8-0930", code


@pytest.mark.parametrize("call", MOOT, ids=lambda call: call.action)
def test_every_code_says_what_it_means_and_what_to_do_next(call: Call) -> None:
    for code, _ in CASES:
        error = classify(answer(400, code=code), call)
        for sentence in (error.meaning, error.next_step):
            assert sentence.endswith("."), code
            assert not {"{", "}"} & set(sentence), code


@pytest.mark.parametrize("code", ["Forbidden", "NoPermission.RAM", "Forbbiden.SubUser"])
def test_a_missing_permission_is_named_with_its_action_and_resource(code: str) -> None:
    for call in (DELETE, CREATE):
        needed = f"vpc:{call.action} on acs:vpc:cn-hangzhou:*:vpnconnection/vco-p0w5112fgnl2"
        assert needed in classify(answer(403, code=code), call).next_step


def test_the_permission_of_lists_is_on_all_connections_and_of_regions_on_everything() -> None:
    assert Call(action="DescribeVpnConnections", region="cn-wuhan").permission == (
        "vpc:DescribeVpnConnections on acs:vpc:cn-wuhan:*:vpnconnection/*"
    )
    assert Call(action="DescribeRegions", region="x").permission == "vpc:DescribeRegions on *"


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_a_code_that_is_not_known_is_final_and_honestly_called_unknown(status: int) -> None:
    error = classify(answer(status, code="Moon.Phase"), DELETE)
    assert type(error) is Rejected
    assert error.code == "Moon.Phase"
    assert "does not know" in error.meaning


@pytest.mark.parametrize("status", [301, 302, 408, 500, 502, 503, 504])
def test_other_statuses_with_a_code_that_is_not_known_leave_the_outcome_unknown(
    status: int,
) -> None:
    assert type(classify(answer(status, code="Moon.Phase"), DELETE)) is OutcomeUnknown


def test_http_429_throttles_also_with_a_code_that_is_not_known() -> None:
    error = classify(answer(429, code="Flow.Limit", retry_after_ms="1500"), DELETE)
    assert isinstance(error, Throttled)
    assert error.retry_after == 1.5


@pytest.mark.parametrize("status", [302, 400, 403, 404, 429, 500, 502])
def test_an_answer_without_a_code_leaves_the_outcome_unknown(status: int) -> None:
    error = classify(answer(status), DELETE)
    assert type(error) is OutcomeUnknown
    assert str(status) in error.meaning


def test_an_unknown_outcome_of_a_change_warns_and_one_of_a_read_does_not() -> None:
    assert "may have taken effect" in classify(answer(502), DELETE).meaning
    assert "may have taken effect" in classify(answer(502), CREATE).meaning
    assert "may have taken effect" not in classify(answer(502), READ).meaning


@pytest.mark.parametrize(
    ("milliseconds", "seconds"),
    [
        ("2000", 2.0),
        ("250", 0.25),
        ("0", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("99999999", None),
        ("١٢", None),
    ],
)
def test_the_wait_of_a_throttled_answer_is_given_in_milliseconds(
    milliseconds: str, seconds: float | None
) -> None:
    error = classify(answer(400, code="Throttling.User", retry_after_ms=milliseconds), DELETE)
    assert isinstance(error, Throttled)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("ahead", "words"), [(1300.4, "1300 s ahead of"), (-1300.4, "1300 s behind")]
)
def test_a_clock_that_is_off_is_told_with_by_how_much(ahead: float, words: str) -> None:
    error = classify(answer(400, code="InvalidTimeStamp.Expired", clock_ahead=ahead), DELETE)
    assert words in error.meaning


def test_other_errors_do_not_speak_of_the_clock() -> None:
    error = classify(answer(400, code="SignatureDoesNotMatch", clock_ahead=1300.0), DELETE)
    assert "clock" not in error.meaning


@pytest.mark.parametrize("status", [400, 403, 503])
def test_whatever_says_when_to_come_back_is_waited_for(status: int) -> None:
    for code in [code for code, _ in CASES] + ["Moon.Phase"]:
        error = classify(answer(status, code=code, retry_after_ms="1500"), DELETE)
        assert type(error) is Throttled, code
        assert error.retry_after == 1.5, code
        failed = code in ("SignatureNonceUsed", *CLASSES[OutcomeUnknown])
        unknown = failed or (code == "Moon.Phase" and status == 503)
        # Slowed down or not: a service that failed may have done the work.
        assert error.perhaps_done is unknown, code
    assert not Throttled("Throttling").perhaps_done


def test_a_read_that_is_to_come_back_has_no_effect_to_wonder_about() -> None:
    error = classify(answer(503, code="InternalError", retry_after_ms="1500"), READ)
    assert isinstance(error, Throttled)
    assert not error.perhaps_done


def test_only_a_used_nonce_and_a_refused_date_are_signed_again() -> None:
    assert [code for code, _ in CASES if to_sign_again(code)] == [
        "SignatureNonceUsed",
        "InvalidTimeStamp.Expired",
        "InvalidTimeStamp.Format",
    ]


def test_a_success_is_no_error_also_with_a_code_that_says_success() -> None:
    assert not is_error(answer(200))
    assert not is_error(answer(200, code="200"))
    assert is_error(answer(302))


@given(st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text())))
def test_a_code_or_an_id_of_any_other_form_never_reaches_an_error(text: object) -> None:
    error = classify(answer(400, code=text, request_id=text), DELETE)
    assert all(c.isascii() and (c.isalnum() or c in "._-") for c in error.code)
    assert all(c.isascii() and (c.isalnum() or c == "-") for c in error.alibaba_request_id)
    assert len(error.alibaba_request_id) <= 64
