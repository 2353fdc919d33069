"""What goes on where nothing was done: the danger for which somebody asked is still there. Pure."""

from bot.models import Operation, Request, RouteChange


def stays_words(request: Request) -> str:
    """That the routes are as they were, as a sentence; empty where nobody knows."""
    if not all(map(_left_alone, request.routes)):
        return ""
    one = len(request.routes) == 1
    stay = "The route stays" if one else "The routes stay"
    if request.operation is Operation.RESTORE:
        return f" {stay} missing."
    return f" *{stay}, and {'its' if one else 'their'} traffic goes on as before.*"


def _left_alone(route: RouteChange) -> bool:
    """Whether nothing was done to a route, and it is not the route itself that has changed."""
    code = route.failure.code if route.failure else ""
    return not route.outcome_unknown and code != "Drift" and "NotFound" not in code
