"""What the sandbox and the tests both set up: a local Slack, a local cloud, and their keys."""

from typing import TypeVar

from bot.sandbox.slack.server import LocalSlack
from bot.sandbox.slack.workspace import default_workspace
from bot.sandbox.valkey import free_port
from bot.sandbox.vpc import seed
from bot.sandbox.vpc.local import LocalVpc
from bot.slack.web import SCOPES

S = TypeVar("S", bound=LocalSlack)

BOT_TOKEN = "xoxb-local-sandbox-bot"  # noqa: S105 - opens nothing
APP_TOKEN = "xapp-local-sandbox-app"  # noqa: S105
SIGNING_SECRET = "local-sandbox-signing-secret"  # noqa: S105
APPROVERS = "S0NETOPS1"


def local_slack(kind: type[S]) -> S:
    """A local Slack of this kind with the app installed; start it before use.

    It refuses a call that needs another scope than those of manifest.yml.
    """
    return kind(
        default_workspace(),
        bot_token=BOT_TOKEN,
        app_token=APP_TOKEN,
        signing_secret=SIGNING_SECRET,
        scopes=SCOPES,
    )


def local_vpc(*, task_seconds: float, task_delay: float) -> LocalVpc:
    """A local VPC API with the sandbox's connections; start it before use."""
    vpc = LocalVpc(
        {seed.ACCESS_KEY_ID: seed.ACCESS_KEY_SECRET},
        task_seconds=task_seconds,
        task_delay=task_delay,
    )
    seed.seed(vpc)
    return vpc


def environment(
    slack: LocalSlack, vpc: LocalVpc, redis_url: str, *, socket_mode: bool = False
) -> dict[str, str]:
    """The environment of a bot that lives in this scene, on a free port."""
    return {
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        **({"SLACK_APP_TOKEN": APP_TOKEN} if socket_mode else {}),
        "SLACK_SIGNING_SECRET": SIGNING_SECRET,
        "SLACK_API_URL": slack.api_url,
        "REDIS_URL": redis_url,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": seed.ACCESS_KEY_ID,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": seed.ACCESS_KEY_SECRET,
        "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
        "ALIBABA_CLOUD_REGION_ID": seed.HANGZHOU,
        "ALIBABA_CLOUD_VPC_ENDPOINT": vpc.url,
        "VCO_APPROVERS": APPROVERS,
        "HOST": "127.0.0.1",
        "PORT": str(free_port()),
    }
