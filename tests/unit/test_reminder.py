"""What calls the approvers once more: what is at stake, how long is left, who is still asked."""

from builders import BOB, CAROL, a_request, a_route, decided
from msgspec.structs import replace

from bot import lifecycle
from bot.follow_up import reminders
from bot.models import Request, Terms, Verdict
from bot.sandbox.slack.blocks import problems_in_blocks
from bot.sandbox.slack.messages import text_of
from bot.slack.messages.timeline import broadcast, line

TWO = replace(Terms(approvers=a_request().terms.approvers), approvals=2)


def said(request: Request, at: int = -1) -> str:
    message = line(request, request.timeline[at])
    assert message is not None
    assert problems_in_blocks(message[1]) == []
    return text_of({"blocks": message[1]}).split("  ", 1)[1]


def test_it_says_who_is_asked_how_long_is_left_and_what_is_at_stake() -> None:
    until = "<!date^2800^{time}|00:46 UTC>"
    assert said(reminders.remind(a_request(), 1455.0, [BOB, CAROL])) == (
        f"🟠 <@U0BOB> <@U0CAROL>: *22 min left*, 1 approval is needed until {until}.\n"
        "*Delete 10.0.0.0/24 · vco-p0w5112f*\n"
        "⛔ *256 addresses lose their route.*\n"
        "“leaking prod prefix”"
    )


def test_where_not_everybody_was_asked_in_person_the_approvers_are_called_as_they_are_named() -> (
    None
):
    assert "🟠 <!subteam^S0NETOPS> <@U0CAROL>: *15 min left*" in said(
        reminders.remind(a_request(), 1900.0)
    )


def test_whoever_has_approved_is_not_called_again() -> None:
    request = reminders.remind(a_request(terms=TWO), 1900.0, [BOB, CAROL])
    one = lifecycle.record_decision(request, decided(Verdict.APPROVED, BOB, at=2000.0))
    assert said(one, at=1).startswith("🟠 <@U0CAROL>: *15 min left*, 1 approval is needed")


def test_of_many_routes_it_names_some_and_counts_the_rest() -> None:
    routes = [a_route(f"10.{n}.0.0/24") for n in range(20)]
    told = said(reminders.remind(a_request(*routes), 1900.0))
    assert "*Delete 20 routes · vco-p0w5112f*" in told
    assert "`10.2.0.0/24`: ⛔ *256 addresses lose their route.*\nand 17 more" in told


def test_a_reminder_that_comes_too_late_calls_nobody() -> None:
    """Slack was away: what was decided meanwhile, or reminded of again, is not called for."""
    reminded = reminders.remind(reminders.remind(a_request(), 1450.0), 1900.0)
    assert line(reminded, reminded.timeline[1]) is None
    assert line(reminded, reminded.timeline[2]) is not None
    approved = lifecycle.record_decision(reminded, decided(Verdict.APPROVED, at=1950.0))
    assert line(approved, approved.timeline[2]) is None


def test_the_channel_sees_a_reminder_and_the_thread_alone_whom_else_a_request_calls() -> None:
    called = reminders.called(a_request(), 1001.0, 5)
    assert said(called).startswith("🟠 <!subteam^S0NETOPS> <@U0CAROL>: 1 approval is needed until")
    assert "5 of you have a direct message; any may decide." in said(called)
    assert not broadcast(called.timeline[-1])
    assert broadcast(reminders.remind(called, 1450.0).timeline[-1])
