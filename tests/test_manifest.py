"""manifest.yml, and what else has to agree with the code without being code."""

import json
import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from bot.metrics import CLOUD_ACTIONS
from bot.sandbox import scene
from bot.sandbox.slack.server import LocalSlack
from bot.sandbox.slack.workspace import default_workspace
from bot.slack import web
from bot.version import VERSION

HERE = Path(__file__).parent.parent
MANIFEST: dict[str, Any] = yaml.safe_load((HERE / "manifest.yml").read_text())
PROJECT = tomllib.loads((HERE / "pyproject.toml").read_text())
SCOPES: list[str] = MANIFEST["oauth_config"]["scopes"]["bot"]
LOCKS = ("requirements.lock", "requirements-sandbox.lock", "requirements-dev.lock")

SCOPE_OF_METHOD = {
    "chat.postMessage": {"chat:write"},
    "chat.update": {"chat:write"},
    "chat.postEphemeral": {"chat:write"},
    "chat.getPermalink": set(),
    "conversations.history": {"channels:history", "groups:history", "im:history"},
    "conversations.replies": {"channels:history", "groups:history", "im:history"},
    "conversations.open": {"im:write"},
    "conversations.info": {"channels:read", "groups:read"},
    "users.info": {"users:read"},
    "usergroups.users.list": {"usergroups:read"},
    "views.open": set(),
    "views.publish": set(),
    "views.update": set(),
    "auth.test": set(),
}
"""The bot scope that Slack's page of each method asks for."""


def code(folder: str) -> str:
    return "\n".join(path.read_text() for path in sorted((HERE / folder).rglob("*.py")))


def pinned(lock: str) -> dict[str, str]:
    return dict(
        re.findall(r"^([a-z0-9-]+)(?:\[[a-z]+\])?==(\S+)", (HERE / lock).read_text(), re.MULTILINE)
    )


def test_the_app_has_its_command_its_home_and_its_buttons_over_socket_mode() -> None:
    features, settings = MANIFEST["features"], MANIFEST["settings"]
    assert [command["command"] for command in features["slash_commands"]] == ["/vco-route"]
    assert features["slash_commands"][0]["should_escape"] is True
    assert features["app_home"]["home_tab_enabled"] is True
    assert settings["event_subscriptions"]["bot_events"] == ["app_home_opened"]
    assert settings["interactivity"]["is_enabled"] is True
    assert settings["socket_mode_enabled"] is True
    assert settings["org_deploy_enabled"] is False
    assert settings["token_rotation_enabled"] is False


def test_slack_accepts_the_lengths_of_its_texts() -> None:
    about, command = MANIFEST["display_information"], MANIFEST["features"]["slash_commands"][0]
    assert len(about["name"]) <= 35
    assert len(about["description"]) <= 140
    assert 174 <= len(about["long_description"]) <= 4000
    assert len(MANIFEST["features"]["bot_user"]["display_name"]) <= 80
    assert len(command["description"]) <= 2000
    assert len(command["usage_hint"]) <= 1000
    for shortcut in MANIFEST["features"]["shortcuts"]:
        assert len(shortcut["name"]) <= 24
        assert len(shortcut["callback_id"]) <= 255
        assert len(shortcut["description"]) <= 150


def test_the_scopes_are_those_of_the_methods_that_are_called_and_no_others() -> None:
    families = "auth|chat|conversations|usergroups|users|views"
    called = set(re.findall(rf'"((?:{families})\.[\w.]+)"', code("bot/slack")))
    assert called <= set(SCOPE_OF_METHOD)
    needed = set().union(*(SCOPE_OF_METHOD[method] for method in called))
    assert set(SCOPES) == needed | {"commands"}


def test_the_local_slack_of_the_sandbox_grants_these_scopes_alone() -> None:
    assert set(SCOPES) == web.SCOPES == scene.local_slack(LocalSlack).web_api.scopes


def test_the_local_slack_of_the_sandbox_has_this_command() -> None:
    announced = [
        {name: command[name] for name in ("command", "usage_hint", "description")}
        for command in MANIFEST["features"]["slash_commands"]
    ]
    assert announced == [msgspec.to_builtins(c) for c in default_workspace().app.commands]


def test_the_local_slack_of_the_sandbox_has_these_shortcuts() -> None:
    announced = [
        {name: shortcut[name] for name in ("callback_id", "name", "description")}
        for shortcut in MANIFEST["features"]["shortcuts"]
        if shortcut["type"] == "global"
    ]
    assert announced == [msgspec.to_builtins(s) for s in default_workspace().app.shortcuts]


def test_the_code_listens_to_what_the_manifest_announces() -> None:
    listening = code("bot/slack")
    assert '"/vco-route"' in listening
    for shortcut in MANIFEST["features"]["shortcuts"]:
        assert f'"{shortcut["callback_id"]}"' in listening
    for event in MANIFEST["settings"]["event_subscriptions"]["bot_events"]:
        assert f'"{event}"' in listening


def test_the_ram_policy_of_the_readme_has_the_calls_that_are_made_and_no_others() -> None:
    [policy] = re.findall(r"```json\n(.*?)```", (HERE / "README.md").read_text(), re.DOTALL)
    statements = json.loads(policy)["Statement"]
    allowed = [statement["Action"] for statement in statements]
    actions = [a for one in allowed for a in (one if isinstance(one, list) else [one])]
    assert sorted(actions) == [f"vpc:{action}" for action in sorted(CLOUD_ACTIONS)]
    assert {statement["Effect"] for statement in statements} == {"Allow"}


def test_the_version_that_runs_is_that_of_the_package() -> None:
    assert PROJECT["project"]["version"] == VERSION


def test_the_installed_command_exists() -> None:
    module, _, function = PROJECT["project"]["scripts"]["vco-route-bot"].partition(":")
    assert callable(getattr(import_module(module), function))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_is_pinned_and_hashed_and_names_no_index(lock: str) -> None:
    text = (HERE / lock).read_text()
    for block in re.split(r"\n(?=[a-z])", text):
        assert re.match(r"[a-z0-9-]+(\[[a-z]+\])?==\S+", block)
        assert "--hash=sha256:" in block
    assert "://" not in text
    assert "index" not in text


def test_the_locks_agree_and_each_holds_what_pyproject_asks_for() -> None:
    runtime, sandbox, development = map(pinned, LOCKS)
    assert runtime.items() <= sandbox.items() <= development.items()
    extras = PROJECT["project"]["optional-dependencies"]
    assert _names(PROJECT["project"]["dependencies"]) <= runtime.keys()
    assert _names(extras["sandbox"]) <= sandbox.keys() - runtime.keys()
    assert _names(extras["dev"]) - {"vco-route-bot"} <= development.keys() - sandbox.keys()


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^a-z0-9-]", requirement, maxsplit=1)[0] for requirement in requirements}
