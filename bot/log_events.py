"""Every event that the bot logs: what it means, and what to do. The page docs/logs.md is this.

An event is the first word of a line (`event` in JSON); what else a line bears are details. Nothing
is logged under a name that is not here.
"""

from typing import NamedTuple


class LogEvent(NamedTuple):
    """What an event means, and what to do about it; "" where there is nothing to do."""

    meaning: str
    mend: str = ""


_LATER = "Nothing, unless it stays so: then look at Slack's status and the way there."
_NEWER = "Let all replicas run one version; roll back if a newer one is gone."
_WAITS = "Mend Redis; what waits goes on by itself."
_WRITER = "Look who else can write to Redis."

EVENTS: dict[str, LogEvent] = {
    "acknowledged_late": LogEvent(
        "A payload was acknowledged after Slack's three seconds; its sender was told to look.",
        "If it comes often: CPU, the way to Redis.",
    ),
    "acknowledgement_lost": LogEvent(
        "A websocket ended before an acknowledgement was gone. Slack delivers it again."
    ),
    "approval_void": LogEvent(
        "Before a send the approval was found to count no more. Nothing was sent.",
        "Ask anew.",
    ),
    "approver_lookup_failed": LogEvent(
        "It could not be looked up whether anybody could approve, or who is to be called.", _LATER
    ),
    "approver_recheck_failed": LogEvent(
        "Slack was silent for a minute before a send; it went by the decisions on record.", _LATER
    ),
    "bgp_routes_unreadable": LogEvent(
        "The routes that a connection learned over BGP could not be listed; the card says so.",
        "If it stays so: does RAM allow DescribeVcoRouteEntries?",
    ),
    "card_not_editable": LogEvent(
        "Slack does not let us edit a card; the thread tells it all.",
        "Look at the workspace's settings for editing messages.",
    ),
    "card_not_readable": LogEvent(
        "A card can't be read before it is edited; it is edited without that look.",
        "Grant channels:history and groups:history, if you want it.",
    ),
    "card_refused": LogEvent(
        "A channel does not take our card; the requester is told in App Home or directly.",
        "Invite the bot, or unarchive the channel.",
    ),
    "check": LogEvent(
        "A check of `/readyz` has another result than before.", "Run `vco-route-bot doctor`."
    ),
    "claim_given_back": LogEvent("A step that met an outage of Redis is done again at once."),
    "claim_lost": LogEvent(
        "A step took longer than its lease; another worker has it. Its late write was refused.",
        "If it comes often: CPU, the way to Redis, VCO_LEASE.",
    ),
    "click_order_unknown": LogEvent(
        "It could not be recorded which of two quick changes of a form came last.", _WAITS
    ),
    "clock_went_back": LogEvent(
        "The clock of Redis was put back, or a failover met one that is behind.",
        "Set the clocks (NTP).",
    ),
    "command_not_handled": LogEvent(
        "A command came to a verb that this version does not have.", _NEWER
    ),
    "connections_closed": LogEvent(
        "HTTP connections that proved nothing in time were closed.",
        "If it comes often: let a proxy pass /slack/events alone, or use Socket Mode.",
    ),
    "countersigned": LogEvent("Somebody countersigned a break-glass."),
    "crashed": LogEvent("What nobody caught; the traceback says where.", "Report it."),
    "credentials_unavailable": LogEvent(
        "No credentials for Alibaba Cloud could be had.", "Run `vco-route-bot doctor`."
    ),
    "decision": LogEvent("Somebody decided on a request."),
    "direct_message_not_allowed": LogEvent(
        "The token lacks im:write, so approvers get no direct message.",
        "Install the app again from manifest.yml, or set VCO_CALL_UP_TO=0.",
    ),
    "direct_message_refused": LogEvent(
        "Slack does not take a direct message to an approver; the card asks them all the same."
    ),
    "drift": LogEvent("The routes changed between approval and send. Nothing was sent."),
    "due_lost": LogEvent("What was due was lost; it was built anew from the records.", _WRITER),
    "envelope_failed": LogEvent(
        "A payload of Socket Mode could not be handled; its sender saw that it failed.",
        "Report it, with the traceback.",
    ),
    "ephemeral_refused": LogEvent(
        "Slack did not take a private answer in a channel; it was said directly instead."
    ),
    "fence_broken": LogEvent(
        "The number of claims was written over; it was set anew, and readiness says so.", _WRITER
    ),
    "foreign_response_url": LogEvent(
        "A payload named an address that is not Slack's. Nothing was sent there.",
        "If it stays so: who holds the signing secret?",
    ),
    "foreign_workspace": LogEvent(
        "A payload of another workspace was refused.",
        "Install the app in one workspace alone.",
    ),
    "form_not_opened": LogEvent("A form could not be opened in time; the person was told.", _LATER),
    "form_not_updated": LogEvent("A form was closed or changed meanwhile; it stays as it is."),
    "form_not_filled": LogEvent(
        "The connection that a form was opened for could not be looked up; its person types.",
        "Look at Alibaba Cloud's status, the way there, and the RAM policy.",
    ),
    "form_read_failed": LogEvent(
        "A form could not read Alibaba Cloud; what it asks for can be typed.",
        "Run `vco-route-bot doctor`.",
    ),
    "form_read_timed_out": LogEvent(
        "A form's look-up took too long; what it asks for can be typed."
    ),
    "group_unreadable": LogEvent(
        "A user group can't be read, so it lets nobody in.",
        "Does the group exist? Run `vco-route-bot doctor`.",
    ),
    "history_not_readable": LogEvent(
        "It can't be seen whether a message whose answer was lost was posted; it may come twice.",
        "Grant channels:history and groups:history, if you want it.",
    ),
    "home_refused": LogEvent("Slack did not take somebody's App Home.", _LATER),
    "inbox_item_dropped": LogEvent(
        "A stored payload that no version can read was given up; its sender was told.", _NEWER
    ),
    "inbox_item_unreadable": LogEvent(
        "A stored payload is of another version; it waits a minute for that one.", _NEWER
    ),
    "listener_failed": LogEvent(
        "A fault of ours while a payload was taken in; its sender was told, "
        "unless it had been acknowledged.",
        "Report it, with the traceback.",
    ),
    "listening": LogEvent("The HTTP port is open."),
    "malformed_http": LogEvent(
        "Something that is no HTTP came to the port.", "As for connections_closed."
    ),
    "malformed_payload": LogEvent(
        "Slack sent a payload without its parts; its sender was told that nothing happened."
    ),
    "monitoring_failed": LogEvent("The connection could not be read after a change; tried again."),
    "no_recipient": LogEvent("Nobody could be told: Slack took no kind of private answer."),
    "no_socket": LogEvent(
        "No websocket to Slack could be opened; it is tried on.",
        "As an error: SLACK_APP_TOKEN, or Socket Mode in the app's settings. Else the way there.",
    ),
    "not_in_queue": LogEvent(
        "The database lost a request's place in the queue. Nothing was sent.",
        f"Ask anew. {_WRITER}",
    ),
    "not_replicated": LogEvent(
        "Not enough replicas have the last writes, so nothing was sent.",
        "Bring the replicas back; it goes on by itself.",
    ),
    "outcome_forgotten": LogEvent(
        "The database went back to before an outcome that a card shows; the card stays.",
        "Look at the route in the console.",
    ),
    "pages_unreadable": LogEvent(
        "The connections of a region could not be read together; they are read one by one."
    ),
    "payload_late": LogEvent(
        "Something was said more than a minute ago and is not done; whoever said it was told.",
        "If it is said of everything: set the clocks (NTP).",
    ),
    "payload_not_stored": LogEvent(
        "Redis did not take a payload; nothing happened, and its sender was told.", _WAITS
    ),
    "person_not_known_in_time": LogEvent(
        "Slack did not say in time who clicked; a form was opened, and they are looked up later.",
        _LATER,
    ),
    "policy_has_no_file": LogEvent(
        "A SIGHUP came, and there is no policy file to read again.", "Set VCO_POLICY_FILE."
    ),
    "policy_not_reloaded": LogEvent(
        "The policy file is wrong; the earlier policy holds.",
        "Mend the line that is named, then SIGHUP again.",
    ),
    "policy_reloaded": LogEvent("The policy file was read again and holds."),
    "ready": LogEvent("Slack knows us, and deliveries come in."),
    "reconcile_failed": LogEvent("An unconfirmed route could not be read; tried again."),
    "record_lost": LogEvent(
        "The record of a request is gone while it was worked on. Nobody is at it any more.",
        f"Look at its route in the console. {_WRITER}",
    ),
    "record_unreadable": LogEvent("A record is of another version; it is left as it is.", _NEWER),
    "refused": LogEvent("Somebody was told that they may not do this."),
    "region_not_read": LogEvent(
        "While a connection was looked for in all regions, one of them could not be read.",
        "Name the regions that matter in VCO_REGIONS; let the RAM policy allow the look-up there.",
    ),
    "reply_failed": LogEvent("A private answer could not be given in time.", _LATER),
    "request_given_up": LogEvent(
        "The steps of a request failed again and again; it ended as unconfirmed or failed.",
        "Look at the route in the console, and at step_failed before it.",
    ),
    "request_submitted": LogEvent("Somebody asked for something."),
    "request_unknown": LogEvent(
        "A click was about a request of which there is no record.",
        "It is older than VCO_RETENTION, or was lost.",
    ),
    "response_url_failed": LogEvent("An answer was given in another way, because one failed."),
    "seal_broken": LogEvent(
        "A record or a payload does not bear our seal; nothing was sent for it.",
        f"Give all replicas one VCO_SEAL_KEY. {_WRITER}",
    ),
    "setting": LogEvent("A setting looks like one of ours and is none.", "Correct its name."),
    "slack_rate_limited": LogEvent(
        "Slack answered 429; calls of that method wait. What decisions wait for goes first.",
        "If it stays so: run fewer apps that post in this workspace.",
    ),
    "slack_unreachable": LogEvent("Slack does not answer at the start; tried on.", _LATER),
    "socket_ended": LogEvent("A websocket ended, and is replaced. As a warning: unasked.", _LATER),
    "socket_not_closed": LogEvent("Slack did not answer the close of a websocket."),
    "socket_open": LogEvent("A websocket to Slack is open."),
    "statistics_failed": LogEvent(
        "Gauges could not be read; they stay as they are.", "Report it, with the traceback."
    ),
    "step_broke": LogEvent(
        "A step ended by a fault of ours outside of its handler; its lease runs out.",
        "Report it, with the traceback.",
    ),
    "step_failed": LogEvent(
        "A step failed and is tried again, more slowly.",
        "As an error: report it, with the traceback. As a warning: what is named does not answer.",
    ),
    "stop_cut_short": LogEvent(
        "Something did not end in time at a stop; another replica, or the next start, goes on."
    ),
    "stop_asked": LogEvent("Somebody stopped a request, or tried to when it was too late."),
    "stopped": LogEvent("The bot has ended in good order."),
    "stopped_before_send": LogEvent("A step found its request stopped; it sent nothing."),
    "stopping": LogEvent("The bot was asked to stop, and finishes the steps in hand."),
    "store_fault": LogEvent(
        "A key is not of the type that we left there, or a script failed.",
        f"Rename the key away. {_WRITER}",
    ),
    "store_refused": LogEvent(
        "Redis forbids our user a command, or the password is wrong.",
        "Allow it (ACL SETUSER … +command); what waits goes on.",
    ),
    "store_unavailable": LogEvent("Redis does not answer, or takes no writes.", _WAITS),
    "store_went_back": LogEvent(
        "Redis was emptied, or a failover or a backup has taken it back.",
        "Look at the routes of every card that says it is under way; lost approvals are to be "
        "given again.",
    ),
    "tables_refused": LogEvent(
        "This workspace takes no tables in messages; for an hour lists stand in their place."
    ),
    "task_ended": LogEvent(
        "A part that never should end has ended; the process exits with status 1.",
        "Let a supervisor start it again, and report it.",
    ),
    "task_failed": LogEvent("A part of the bot failed during a stop.", "Report it."),
    "tracing_off": LogEvent(
        "OTEL_* variables ask for traces, and the extra that makes them is not installed.",
        'Install "vco-route-bot[otel]", or build the image with its lock; or unset the variables.',
    ),
    "tracing_on": LogEvent("Spans are sent to where the OTEL_* variables say."),
    "unknown_item": LogEvent("Work of a kind that this version does not know waits.", _NEWER),
    "unknown_payload": LogEvent(
        "Slack sent what nobody listens to, as a button of an old card; its sender was told."
    ),
    "unknown_person": LogEvent("Slack does not know a user, who so may do nothing."),
    "unknown_place": LogEvent("The bot can't see a channel, so nothing is done there."),
    "unreadable_delivery": LogEvent("A signed request has a body that is no payload of Slack's."),
    "unverified_request": LogEvent(
        "What came to /slack/events is not shown to be Slack's, and was refused.",
        "If nothing of Slack's comes through: SLACK_SIGNING_SECRET, a proxy that changes bodies, "
        "or a clock that is more than five minutes off.",
    ),
    "upkeep_failed": LogEvent(
        "The look at what was lost failed by a fault of ours.", "Report it, with the traceback."
    ),
    "vpc_call": LogEvent("A call of Alibaba Cloud, at DEBUG."),
    "vpc_call_signed_again": LogEvent(
        "A signature was refused for its time or nonce; the call was signed anew once.",
        "If it stays so: set the clock (NTP).",
    ),
    "wait_notice_failed": LogEvent("The notice that something waits for its turn was not given."),
}


def page() -> str:
    """The declaration as Markdown: what docs/logs.md holds."""
    rows = [f"| `{name}` | {e.meaning} | {e.mend} |" for name, e in sorted(EVENTS.items())]
    head = (
        "# What the bot logs",
        "",
        "One line an event: its name, its details (`request`, `item`, …), never a secret, a",
        "payload or a whole answer. `LOG_FORMAT=json` for machines. This page is written from",
        "[`bot/log_events.py`](../bot/log_events.py) by `python -m bot.log_events > docs/logs.md`.",
        "",
        "| event | what it means | what to do |",
        "|---|---|---|",
    )
    return "\n".join((*head, *rows)) + "\n"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - the page is its output
