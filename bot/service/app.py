"""The composition root: builds every part from the settings."""

import logging

from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.alibaba import client as alibaba
from bot.alibaba.auth import Acs3Auth
from bot.alibaba.client import NO_QUOTAS, VpcClient
from bot.alibaba.credentials import DefaultChain
from bot.alibaba.endpoints import endpoints
from bot.alibaba.transport import new_http_client
from bot.approval.decide import Approval
from bot.approval.refusals import Refusals
from bot.approval.submit import Submitter
from bot.config.secret import Secret
from bot.config.settings import Settings
from bot.execution import Execution, Limits, finding
from bot.execution.context import StepContext
from bot.execution.rate_limit import Quotas
from bot.execution.reading import STEP_SECONDS, Readings
from bot.execution.recheck import Recheck
from bot.execution.worker import Worker
from bot.follow_up import FollowUp
from bot.policy import PolicySource
from bot.service.readiness import Readiness
from bot.service.statistics import Statistics
from bot.service.tracing import Traced
from bot.slack.access import Access
from bot.slack.app_home import AppHomePublisher
from bot.slack.approvers import Approvers
from bot.slack.authorization import HomeTeamOnly
from bot.slack.cards import CardPublisher
from bot.slack.connection import Connection
from bot.slack.direct import DirectMessagePublisher
from bot.slack.directory import SlackDirectory
from bot.slack.forms.lookup import Lookup
from bot.slack.inbox import InboxHandler
from bot.slack.listeners import ListenerContext
from bot.slack.notes import Notes
from bot.slack.posted import PostedMessages
from bot.slack.responder import Responder
from bot.slack.router import HandlerContext
from bot.slack.routes import ROUTER
from bot.slack.said import SignedAt
from bot.slack.shared_reads import TURN_SECONDS
from bot.slack.submissions import Submissions
from bot.slack.unknown import UnknownPayloads
from bot.slack.web import Slack
from bot.store import Database, Store
from bot.store.connect import connect
from bot.store.seal import Seals

SLACK_SECONDS = 5
"""For each call of Slack's Web API."""

RECHECK_SECONDS = 3.0
"""For how long the check of the approvers before a send may take."""

READING_MAX_WAIT = 20.0
"""How long one call of a reading may wait for its share of the quota; it takes no
concurrency."""

CONCURRENCY = {"run": 24, "inbox": 16, "tell": 24, "dm": 8, "follow": 8, "home": 8}
"""How many steps of each kind run at once, so that none ever waits for another: no deletion for
cards and pages that hang in Slack, and nobody's click for a region that does not answer."""


class App:
    """A bot, built and not yet running."""

    def __init__(self, settings: Settings, policy: PolicySource | None = None) -> None:
        """Build the parts; nothing is sent yet.

        Raises:
            SettingsError: The policy file is wrong; not where a `policy` was read before.
        """
        self.settings = settings
        self.policy = policy or policy_of(settings)
        self.slack_client = slack_client(settings.slack_bot_token, settings.slack_api_url)
        self.slack = Slack(self.slack_client)
        self.directory = SlackDirectory(self.slack, min(TURN_SECONDS, settings.lease / 4))
        database = Database(connect(settings.redis))
        seals = Seals(settings.seal_keys)
        self.store = Store(database, settings.retention, settings.redis_replicas, seals)
        self.credentials = DefaultChain()
        self.http = new_http_client()
        self.vpc = self._vpc()
        # Who waits for an answer waits a moment for a quota; a step's reading can wait longer.
        self.cloud = self._vpc(self._quotas(max_wait=1.0))
        self.lookup = Lookup(self.cloud, self.cloud.regions)
        now, lately = self.store.database.now, self.store.database.lately
        refusals = Refusals()
        self.approval = Approval(
            self.store.requests,
            self.store.audit,
            self.directory,
            self.policy,
            now,
            refusals,
            lately,
        )
        self.readings = Readings(step=min(STEP_SECONDS, settings.lease / 4))
        self.finder = finding.Finder(
            self.cloud,
            self.cloud.regions,
            default=settings.region,
            configured=settings.regions,
            seconds=min(finding.SECONDS, settings.lease / 5),
        )
        self.submitter = Submitter(
            self.store.requests,
            self.store.audit,
            self.directory,
            self.cloud,
            now,
            self.policy,
            self.readings,
            self.finder,
            refusals,
            lately,
        )
        self.responder = Responder(self.slack)
        self.notes = Notes(self.store.inbox, self.responder)
        self.access = Access(self.directory)
        channel = settings.approval_channel or ""
        self.submissions = Submissions(self.store, self.submitter, self.responder, channel)
        limits = Limits(operation=settings.operation_timeout, token_window=settings.token_window)
        context = StepContext(
            requests=self.store.requests,
            rate_limits=self.store.rate_limits,
            change_quota=self._quotas(),
            cloud=self._vpc(self._quotas(max_wait=READING_MAX_WAIT)),
            background=self._vpc(self._quotas(max_wait=READING_MAX_WAIT, background=True)),
            region_steps=CONCURRENCY["run"] // 3,
            readings=self.readings,
            now=now,
            lately=lately,
            limits=limits,
            # A part of a step; where it takes longer, Slack counts as silent.
            recheck=Recheck(
                self.directory, self.policy, seconds=min(RECHECK_SECONDS, settings.lease / 4)
            ),
        )
        self.context = context
        posted_messages = PostedMessages(self.slack, self.directory.own_user)
        self.worker = Worker(
            self.store.work,
            {
                "run": Traced("run", Execution(context)),
                "follow": Traced(
                    "follow", FollowUp(context, self.store.direct_states.asked), apart=True
                ),
                "tell": Traced(
                    "tell",
                    CardPublisher(self.slack, posted_messages, self.store, limits.operation),
                ),
                "dm": Traced(
                    "dm",
                    DirectMessagePublisher(
                        self.slack,
                        posted_messages,
                        self.store,
                        Approvers(self.directory, self.policy),
                        up_to=settings.call_up_to,
                    ),
                ),
                "inbox": self._inbox(),
                "home": AppHomePublisher(
                    self.slack,
                    self.store,
                    self.directory,
                    self.access,
                ),
            },
            lease=settings.lease,
            concurrency=CONCURRENCY,
            upkeep=self._upkeep,
        )
        database.woken = self.worker.wake
        self.bolt = self._bolt()
        self.connection = Connection(
            self.bolt, self.slack, self.directory, settings.slack_app_token
        )
        self.statistics = Statistics(self.store, self._quotas(), settings.region)
        self.readiness = Readiness(
            self.store,
            self.directory,
            self.credentials,
            self.policy,
            socket=self.connection.state if settings.socket_mode else None,
        )

    async def _upkeep(self) -> None:
        try:
            await self.store.upkeep()
        finally:
            # Whatever cannot be mended: how many share Slack's limits is known all the same.
            self.slack.shared_by(await self.store.presence.here())

    def _quotas(self, *, max_wait: float = 0.0, background: bool = False) -> Quotas:
        return Quotas(
            self.store.rate_limits,
            share=self.settings.quota_share,
            max_wait=max_wait,
            background=background,
        )

    def _vpc(self, quotas: alibaba.Quotas = NO_QUOTAS) -> VpcClient:
        return VpcClient(
            self.http,
            endpoints(self.settings.vpc_endpoint),
            Acs3Auth(self.credentials),
            # A step makes one call itself; a reading of many calls goes on over several steps.
            attempt_seconds=min(10.0, self.settings.lease / 4),
            quotas=quotas,
        )

    def _inbox(self) -> InboxHandler:
        context = HandlerContext(
            store=self.store,
            submissions=self.submissions,
            approval=self.approval,
            responder=self.responder,
            cloud=self.cloud,
            access=self.access,
            finder=self.finder,
            default_region=self.settings.region,
        )
        return InboxHandler(context, ROUTER, CONCURRENCY["inbox"] * 3 // 4)

    def _bolt(self) -> AsyncApp:
        secret = self.settings.slack_signing_secret
        authorize = HomeTeamOnly(self.directory, self.settings.slack_bot_token)
        context = ListenerContext(
            self.slack,
            self.store,
            self.worker.wake,
            self.lookup,
            self.access,
            finder=self.finder,
            policy=self.policy,
            notes=self.notes,
            region=self.settings.region,
            channel=self.settings.approval_channel or "",
        )
        unknown = UnknownPayloads(context.put, context.reply, authorize.serves)
        # It would warn that it ignores SLACK_BOT_TOKEN, which `authorize` hands it all the same.
        # Bolt gives all its loggers the level of this one.
        quiet = logging.getLogger(f"{__name__}.bolt")
        quiet.setLevel(logging.ERROR)
        bolt = AsyncApp(
            # Without a name it looks for the file that we are, through all that is imported.
            name=__name__,
            logger=quiet,
            client=self.slack_client,
            signing_secret=secret.reveal() if secret else "",
            authorize=authorize,  # type: ignore[arg-type] # Bolt takes an AsyncAuthorize, its annotation forgets None
            # What no listener knows is answered all the same.
            before_authorize=unknown,
            raise_error_for_unhandled_request=True,
            # Listeners do no more than store and acknowledge: Bolt need not look every 10 ms
            # whether they have.
            process_before_response=True,
            # We listen to nothing that we could cause ourselves.
            ignoring_self_events_enabled=False,
        )
        bolt.use(SignedAt())
        ROUTER.listen(bolt, context)
        bolt.error(unknown.failed)
        return bolt

    async def close(self) -> None:
        """Close every connection."""
        await self.notes.close()
        await self.lookup.close()
        await self.directory.close()
        await self.slack.close()
        await self.context.close()
        await self.http.aclose()
        await self.store.database.close()


def slack_client(token: Secret, api_url: str) -> AsyncWebClient:
    """A client of Slack's Web API that sends everything once.

    Retries are the worker's: a post that is repeated unseen would be posted twice.
    """
    # slack_sdk looks at this logger's own level, whatever holds for it: without one it puts every
    # call and every answer into words, which nobody reads.
    quiet = logging.getLogger(f"{__name__}.slack")
    quiet.setLevel(logging.WARNING)
    return AsyncWebClient(
        token=token.reveal(),
        base_url=api_url,
        timeout=SLACK_SECONDS,
        retry_handlers=[],
        logger=quiet,
    )


def policy_of(settings: Settings) -> PolicySource:
    """The policy that the settings name."""
    return PolicySource.of(settings.approvers, settings.policy_file, settings.approval_timeout)
