"""How each verb is read: its parts → what was asked, or a `CorrectableError`."""

from bot.command.checks import (
    ConnectionWord,
    break_glass_of,
    check_end,
    check_rest,
    check_strays,
    connection_of,
    listed_connection,
    reason_of,
    where_of,
)
from bot.command.commands import (
    MAX_CIDRS,
    PREFIX,
    Cancel,
    Command,
    Delete,
    DeleteForm,
    History,
    ListRoutes,
    Restore,
    Status,
    connection_word,
)
from bot.command.errors import CorrectableError, read_flag, read_free, short
from bot.command.text import Parts
from bot.command.values import (
    about_of,
    cidr_block,
    is_address,
    is_connection,
    next_hop_id,
    overlay_mode_of,
    region_id,
    request_id_of,
    weight_of,
)
from bot.models import Draft


def read_delete(given: Parts, default: str | None) -> Command:
    """`delete`: with what to delete, or a form."""
    if not given.free and all(flag.name == "region" for flag in given.flags):
        return DeleteForm(region=read_flag(given, "region", region_id))
    if not given.free:
        problem = "`delete` needs a connection and a CIDR block."
        raise CorrectableError(
            problem, "delete", Parts().with_flag("region", given.value("region"))
        )
    check_strays(given)
    connection = connection_of(given)
    dests = [read_free(given, index, cidr_block) for index in range(1, len(given.free))]
    if not dests:
        return _form(given, connection)
    route_dests = tuple(dict.fromkeys(dests))
    if len(route_dests) > MAX_CIDRS:
        problem = f"{len(route_dests)} CIDR blocks; one request takes at most {MAX_CIDRS}."
        raise CorrectableError(problem, route_dests[MAX_CIDRS])
    weight = read_flag(given, "weight", weight_of)
    return Delete(
        draft=Draft(
            vpn_connection_id=connection.id,
            connection_name=connection.name,
            route_dests=route_dests,
            weight=None if weight is None else int(weight),
            next_hop=read_flag(given, "next-hop", next_hop_id),
            overlay_mode=read_flag(given, "overlay-mode", overlay_mode_of),
            reason=reason_of(given),
            region=where_of(given, connection, default),
            break_glass=break_glass_of(given),
        )
    )


def _form(given: Parts, connection: ConnectionWord) -> Command:
    """A form for the routes of a connection; it has no place for some flags."""
    more = next((f for f in given.flags if f.name not in ("region", "reason")), None)
    if more is not None:
        word = connection_word(connection.id, connection.name)
        look = f"`{PREFIX} list {short(word)}` shows its routes."
        problem = f"Which route of `{short(word)}`? A CIDR block is missing. {look}"
        raise CorrectableError(problem, word)
    return DeleteForm(
        region=read_flag(given, "region", region_id),
        vpn_connection_id=connection.id,
        connection_name=connection.name,
        reason=reason_of(given),
    )


def read_list(given: Parts, default: str | None) -> Command:
    """`list`: of one connection."""
    if not given.free:
        problem = f"Which connection? `{PREFIX} list CONNECTION` shows its routes."
        raise CorrectableError(problem, "list")
    connection = listed_connection(given)
    check_end(given, 1, "list")
    return ListRoutes(
        vpn_connection_id=connection.id,
        connection_name=connection.name,
        region=where_of(given, connection, default),
    )


def read_status(given: Parts, _default: str | None) -> Command:
    """`status`: of one request, or of all that are pending or in flight."""
    request_id = read_free(given, 0, request_id_of) if given.free else None
    check_end(given, 1, "status")
    return Status(request_id=request_id)


def read_cancel(given: Parts, _default: str | None) -> Command:
    """`cancel`: one request."""
    if not given.free:
        raise CorrectableError(f"Which request? `{PREFIX} status` shows what is pending.", "cancel")
    request_id = read_free(given, 0, request_id_of)
    check_end(given, 1, "cancel")
    return Cancel(request_id=request_id)


def read_restore(given: Parts, _default: str | None) -> Command:
    """`restore`: one request, known by its id; history finds it."""
    if not given.free:
        problem = "Which request is to be undone? Its card shows its id (`r-…`)"
        raise CorrectableError(f"{problem}, and so does `{PREFIX} history`.", "restore")
    word = given.free[0]
    if is_address(word) or is_connection(word):
        look = f"`{PREFIX} history {short(word)}` shows what was deleted there."
        raise CorrectableError(f"`{short(word)}` is no request (`r-…`). {look}", word)
    request_id = read_free(given, 0, request_id_of)
    check_rest(given, 1, "restore")
    return Restore(
        request_id=request_id, reason=reason_of(given), break_glass=break_glass_of(given)
    )


def read_history(given: Parts, _default: str | None) -> Command:
    """`history`: of a request, a block or a connection, or the latest."""
    about = read_free(given, 0, about_of) if given.free else None
    check_end(given, 1, "history")
    return History(about=about)
