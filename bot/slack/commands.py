"""What each command does and is answered with.

Commands were parsed once for the acknowledgement and are parsed again here: one may be handled
by another process, or twice.
"""

from collections.abc import Callable

import structlog
from msgspec.structs import replace

from bot.command import Cancel, Command, Delete, History, ListRoutes, Restore, Status, parse
from bot.errors import AlibabaError, Unreadable, UserError
from bot.execution import Cloud
from bot.history import is_request
from bot.models import Draft, Request, Verdict
from bot.policy import check_age
from bot.preview.resolve import obstacle
from bot.preview.rollback import repeated_draft, rollback_draft
from bot.slack.access import Access
from bot.slack.decisions import REQUEST_ID, Decisions
from bot.slack.lookups import read_history, read_request
from bot.slack.messages import reports
from bot.slack.messages.history import history
from bot.slack.messages.receipt import receipt
from bot.slack.payloads import AskAgainClicked, CommandGiven, InboxItem, RestoreClicked
from bot.slack.responder import Responder
from bot.slack.submissions import Submissions
from bot.store import Claim, Store

log = structlog.get_logger(__name__)


class Commands:
    """Commands, and the buttons that do what a command does."""

    def __init__(  # noqa: PLR0913 - the composition root names each part
        self,
        *,
        store: Store,
        submissions: Submissions,
        decisions: Decisions,
        responder: Responder,
        cloud: Cloud,
        access: Access,
        default_region: str | None,
    ) -> None:
        """`access` says who may look; `default_region`: of a command that names none."""
        self._store = store
        self._submissions = submissions
        self._decisions = decisions
        self._responder = responder
        self._cloud = cloud
        self._access = access
        self._default_region = default_region

    async def run(self, claim: Claim, given: CommandGiven) -> float | None:
        """Do what was typed; returns when to look again."""
        try:
            match parse(given.text, default_region=self._default_region):
                case Delete(draft=draft):
                    return await self._submissions.ask(claim, given, draft)
                case Restore() as wanted:
                    return await self.rollback(claim, given, wanted)
                case Cancel(request_id=target):
                    await self._decisions.decide(claim, given, target, Verdict.CANCELLED)
                case looking:
                    check_age(given.said_at, claim.now)
                    await self._access.check(given.user)
                    await self._show(given, looking)
        except (UserError, AlibabaError) as error:
            await self._responder.explain(given, error)
        return None

    async def rollback(
        self, claim: Claim, item: RestoreClicked | CommandGiven, wanted: Restore
    ) -> float | None:
        """Ask for what undoes a request."""

        def draft(request: Request) -> Draft:
            drafted = rollback_draft(request, reason=wanted.reason)
            return replace(drafted, break_glass=wanted.break_glass)

        return await self._from(claim, item, wanted.request_id, draft)

    async def ask_again(self, claim: Claim, item: AskAgainClicked) -> float | None:
        """Ask once more for what a request asked for."""
        return await self._from(claim, item, item.request_id, repeated_draft)

    async def _from(
        self, claim: Claim, item: InboxItem, target: str, draft: Callable[[Request], Draft]
    ) -> float | None:
        try:
            request = await self._known(target)
            # In the App Home there is no channel: then it goes where the first card went.
            asked = replace(item, channel=item.channel or request.channel)
            return await self._submissions.ask(claim, asked, draft(request))
        except UserError as error:
            await self._responder.explain(item, error)
        return None

    async def _known(self, target: str) -> Request:
        stored = await self._store.requests.get(target) if REQUEST_ID.fullmatch(target) else None
        if stored is None:
            raise UserError(
                "This request is not known any more.", "See what is in flight: /vco-route status"
            )
        return stored.request

    async def _show(self, given: CommandGiven, command: Command) -> None:
        match command:
            case ListRoutes(vpn_connection_id=connection, region=region):
                await self._list(given, connection, region)
            case Status(request_id=target):
                await self._status(given, target)
            case History(about=about):
                await self._history(given, about)
            case _:
                log.warning("command_not_handled")

    async def _list(self, given: CommandGiven, connection_id: str, region: str) -> None:
        connection = await self._cloud.connection(region, connection_id)
        if problem := obstacle(connection):
            await self._responder.tell(given, reports.no_routes(connection, problem))
            return
        listed = await self._cloud.routes(region, connection_id)
        await self._responder.tell(given, reports.routes(connection, listed))

    async def _status(self, given: CommandGiven, target: str | None) -> None:
        if target:
            await self._receipt(given, target)
            return
        rows, unreadable = await self._submissions.rows(await self._store.requests.open_ids())
        await self._responder.tell(given, reports.status(rows, unreadable))

    async def _receipt(self, given: CommandGiven, target: str) -> None:
        try:
            found = await read_request(self._store, target)
        except Unreadable:
            log.error("record_unreadable", request=target)  # noqa: TRY400 - it says enough
            await self._responder.tell(given, reports.status([], [target]))
            return
        if found is None:
            raise _not_known(target)
        await self._responder.tell(given, *receipt(*found))

    async def _history(self, given: CommandGiven, about: str | None) -> None:
        found_history = await read_history(self._store, about)
        if is_request(about) and not found_history.rows and not found_history.unreadable:
            raise _not_known(about)
        await self._responder.tell(given, *history(found_history, about))


def _not_known(target: str) -> UserError:
    return UserError(f"Request {target} is not known.", "See what is in flight: /vco-route status")
