"""Who is who: `auth.test`, `users.info`, `usergroups.*`."""

from bot.sandbox.slack.arguments import Arguments, Refusal
from bot.sandbox.slack.state import State
from bot.sandbox.slack.workspace import E_GRID, SLACKBOT, Json, Person


def auth_test(state: State, _: Arguments) -> Json:
    """auth.test: who the app is."""
    workspace = state.workspace
    grid = {"enterprise_id": workspace.enterprise} if workspace.enterprise else {}
    return {
        **grid,
        "url": f"{state.origin}/",
        "team": workspace.team_name,
        "team_id": workspace.team,
        "user": workspace.app.name,
        "user_id": workspace.app.user,
        "bot_id": workspace.app.bot_id,
        "is_enterprise_install": False,
    }


def user_info(state: State, args: Arguments) -> Json:
    """users.info."""
    person = state.workspace.people.get(args.text("user"))
    if person is None:
        raise Refusal("user_not_found")
    return {"user": _person(person)}


def group_users(state: State, args: Arguments) -> Json:
    """usergroups.users.list."""
    group = state.workspace.groups.get(args.required("usergroup"))
    if group is None or (group.disabled and not args.flag("include_disabled")):
        raise Refusal("no_such_subteam")
    return {"users": list(group.users)}


def _person(person: Person) -> Json:
    shown: Json = {
        "id": person.id,
        **({"enterprise_user": _grid(person)} if person.teams else {"team_id": person.team}),
        "name": person.name,
        "deleted": person.deleted,
        "is_bot": person.bot and person.id != SLACKBOT,
        "is_app_user": False,
        "updated": 1_700_000_000,
        "profile": {
            "real_name": person.real_name,
            "real_name_normalized": person.real_name,
            "display_name": person.name,
            "display_name_normalized": person.name,
            "title": person.title,
            "team": person.team,
        },
    }
    if person.stranger:
        shown["is_stranger"] = True
    if person.deleted:
        return shown
    return shown | {
        "real_name": person.real_name,
        "color": person.color.lstrip("#"),
        "tz": "Etc/UTC",
        "tz_label": "UTC",
        "tz_offset": 0,
        "is_admin": False,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": person.guest or person.single_channel,
        "is_ultra_restricted": person.single_channel,
    }


def _grid(person: Person) -> Json:
    return {
        "id": person.id,
        "enterprise_id": E_GRID,
        "enterprise_name": "Acme",
        "is_admin": False,
        "is_owner": False,
        "teams": person.teams,
    }
