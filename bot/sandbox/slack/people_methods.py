"""Who is who: `auth.test`, `users.info`, `usergroups.*`."""

from bot.sandbox.slack.arguments import Arguments, Refusal
from bot.sandbox.slack.state import State
from bot.sandbox.slack.workspace import E_GRID, SLACKBOT, Json, Person, UserGroup


def api_test(state: State, args: Arguments) -> Json:  # noqa: ARG001 - the shape of a method
    """api.test: answers with its arguments, or with the error that they ask for."""
    if args.text("error"):
        raise Refusal(args.text("error"))
    return {"args": args.values}


def auth_test(state: State, args: Arguments) -> Json:  # noqa: ARG001 - the shape of a method
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


def groups(state: State, args: Arguments) -> Json:
    """usergroups.list."""
    disabled, users = args.flag("include_disabled"), args.flag("include_users")
    count = args.flag("include_count")
    shown = [
        _group(state, group, users=users, count=count)
        for group in state.workspace.groups.values()
        if disabled or not group.disabled
    ]
    return {"usergroups": shown}


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


def _group(state: State, group: UserGroup, *, users: bool, count: bool) -> Json:
    shown: Json = {
        "id": group.id,
        "team_id": state.workspace.team,
        "is_usergroup": True,
        "name": group.name,
        "handle": group.handle,
        "is_external": False,
        "date_create": 1_700_000_000,
        "date_update": 1_700_000_000,
        "date_delete": 1_700_000_001 if group.disabled else 0,
        "prefs": {"channels": [], "groups": []},
    }
    if users:
        shown["users"] = list(group.users)
    if count:
        shown["user_count"] = len(group.users)
    return shown
