"""`parse`: reads a command; on an error, corrects all of them so that what it offers works."""

from difflib import get_close_matches

from bot.command.commands import MAX_TEXT, PREFIX, Command, Help, spelled
from bot.command.errors import MAX_QUOTED, CorrectableError, short
from bot.command.text import Flag, Parts, fold, nearest_flag, parts, pieces
from bot.command.values import ID_LIKE, is_address, is_connection, is_name, is_request
from bot.command.verbs import ALIASES, VERBS, read_help
from bot.errors import CommandError

_MAX_CORRECTIONS = 50
_ABSENT = ("create", "add")
"""Verbs that people look for and that are not there on purpose."""


def parse(text: str, *, default_region: str | None) -> Command:
    """Read a command as it arrived from Slack.

    Args:
        text: What stands behind `/vco-route`; may be anything.
        default_region: The region of a command that names none (ALIBABA_CLOUD_REGION_ID).

    Raises:
        CommandError: It can't be understood; nothing else is ever raised.
    """
    if len(text) > MAX_TEXT:
        raise CommandError(f"The command is too long: {len(text)} of {MAX_TEXT} characters.")
    try:
        return _read(parts(text), default_region)
    except CorrectableError as error:
        corrected = _corrected(error, default_region)
        raise CommandError(error.problem, word=error.word, corrected=corrected) from None


def _read(given: Parts, default: str | None) -> Command:
    given = _unquoted(given)
    if given.free and fold(given.free[0]).lower() in (PREFIX, PREFIX[1:]):
        given = given.with_free(*given.free[1:])
    if any(flag.name == "help" for flag in given.flags):
        return read_help(given, default)
    if not given.free and not given.flags:
        return Help()
    name = _verb(given)
    rest = given.with_free(*given.free[1:])
    if len(rest.free) == 1 and fold(rest.free[0]).lower() in ("help", "?"):
        return Help(topic=name)
    try:
        _check_flags(rest, name)
        return VERBS[name].read(rest, default)
    except CorrectableError as error:
        if error.corrected_parts is not None:
            error.corrected_parts = error.corrected_parts.with_free(
                name, *error.corrected_parts.free
            )
        raise


def _unquoted(given: Parts) -> Parts:
    """The words of what was quoted for no reason: a verb, ids and addresses; a name stays one."""
    free: list[str] = []
    for word in given.free:
        several = pieces(word)
        named = bool(free) and len(several) > 1 and all(map(is_name, several))
        free += [word] if named or len(several) <= 1 else several
    return given.with_free(*free)


def _corrected(error: CorrectableError, default: str | None) -> str:
    """Correct one error after another until the command reads; empty if it never does."""
    for _ in range(_MAX_CORRECTIONS):
        if error.corrected_parts is None:
            return ""
        try:
            return spelled(_read(error.corrected_parts, default), default)
        except CorrectableError as following:
            error = following
    return ""


def _verb(given: Parts) -> str:
    if not given.free:
        typed = given.flags[0].typed
        raise CorrectableError(f"A command starts with a verb: {_verbs()}.", typed)
    word, *rest = given.free
    name = fold(word).lower()[:MAX_QUOTED]
    if name in VERBS:
        return name
    if ID_LIKE.match(fold(word)):
        name = "delete" if any(map(is_address, rest)) else "list"
        problem = f"A command starts with a verb ({_verbs()}), not with `{short(word)}`."
        raise CorrectableError(problem, word, given.with_free(name, *given.free))
    near = get_close_matches(name, [*VERBS, *ALIASES, *_ABSENT], n=1)
    if near and near[0] in _ABSENT:
        raise _nothing_new(given)
    meant = ALIASES.get(near[0], near[0]) if near else ""
    if name in ALIASES:
        problem = f"`{short(word)}` is called `{meant}` here."
    elif meant:
        problem = f"Unknown command `{short(word)}`. Did you mean `{meant}`?"
    else:
        problem = f"Unknown command `{short(word)}`. The commands are {_verbs()}."
    raise CorrectableError(problem, word, given.with_free(meant, *rest) if meant else None)


def _nothing_new(given: Parts) -> CorrectableError:
    """There is no creating; what was deleted can be restored, and history finds it."""
    word, *rest = given.free
    problem = f"There is no `{short(word)}`: only what was deleted here can be put back"
    problem += f" (`{PREFIX} restore REQUEST`)."
    requests = [one for one in rest if is_request(one)]
    if requests:
        return CorrectableError(problem, word, given.with_free("restore", requests[0]))
    places = [one for one in rest if is_address(one)] or [*filter(is_connection, rest)]
    return CorrectableError(problem, word, Parts(("history", *places[:1])))


def _verbs() -> str:
    return ", ".join(f"`{name}`" for name in VERBS)


def _check_flags(given: Parts, verb: str) -> None:
    if given.unclosed:
        problem = f"The quote before `{short(given.unclosed)}` is never closed."
        raise CorrectableError(problem, given.unclosed, given._replace(unclosed=""))
    seen: dict[str, str | None] = {}
    for index, flag in enumerate(given.flags):
        typed = short(flag.typed.rstrip("=:\uff1d\uff1a"))
        without = given.with_flag_at(index, None)
        if not flag.name:
            raise _unknown_flag(given, index, verb)
        if flag.name not in VERBS[verb].flags:
            raise CorrectableError(f"`{verb}` takes no `{typed}`.", typed, without)
        if flag.value is None:
            raise CorrectableError(f"`{typed}` needs a value; or leave it out.", typed, without)
        if flag.name in seen:
            same = seen[flag.name] == flag.value
            problem = f"`{typed}` stands twice{'' if same else ' with different values'}."
            raise CorrectableError(problem, typed, without if same else None)
        seen[flag.name] = flag.value


def _unknown_flag(given: Parts, index: int, verb: str) -> CorrectableError:
    flag = given.flags[index]
    near = nearest_flag(flag.typed)
    known = ", ".join(f"`--{name}`" for name in VERBS[verb].flags) or "no flags"
    problem = f"There is no `{short(flag.typed)}`. `{verb}` takes {known}."
    meant = Flag(near, flag.value, f"--{near}")
    return CorrectableError(problem, flag.typed, given.with_flag_at(index, meant) if near else None)
