"""Which deliveries Bolt lets in: those of the workspace that the bot token belongs to.

`bot.slack.unknown` answers the others before Bolt comes to ask here: Bolt would send its answer to
whatever address the payload names.
"""

import structlog
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize

from bot.config.secret import Secret
from bot.slack.directory import SlackDirectory

log = structlog.get_logger(__name__)


class HomeTeamOnly(AsyncAuthorize):
    """Compares workspaces with what is already known: an acknowledgement waits for no call.

    On Enterprise Grid a member of our workspace can act from another one of the same
    organisation; who they are is looked up before anything is shown or done.
    """

    def __init__(self, directory: SlackDirectory, token: Secret) -> None:
        """Let in the workspace that `directory` has identified."""
        self._directory = directory
        self._token = token

    def serves(self, team_id: str | None, enterprise_id: str | None) -> bool:
        """Whether it is the bot's own workspace, or another one of its organisation."""
        home = self._directory.identity
        if home is not None and (
            team_id == home.team_id
            or (home.enterprise_id != "" and enterprise_id == home.enterprise_id)
        ):
            return True
        log.warning("foreign_workspace", team=team_id)
        return False

    async def __call__(
        self,
        *,
        team_id: str | None,
        enterprise_id: str | None = None,
        **_: object,
    ) -> AuthorizeResult | None:
        """The bot's own authorization, None for a stranger."""
        home = self._directory.identity
        if home is None or not self.serves(team_id, enterprise_id):
            return None
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=home.team_id,
            bot_id=home.bot_id,
            bot_user_id=home.user_id,
            bot_token=self._token.reveal(),
        )
