"""How pages say where they are found: each lists its `ROUTES` at its end, and `web/app.py` joins them."""

from collections.abc import Awaitable, Callable

from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Answers = Callable[[Request], Awaitable[Response]]


class _Id(IntegerConvertor):
    """A row's number in an address. More digits than any row has are an address that leads nowhere."""

    regex = "[0-9]{1,9}"


register_url_convertor("id", _Id())


def get(path: str, answers: Answers) -> Route:
    """What can be looked at."""
    return Route(path, answers)


def post(path: str, answers: Answers) -> Route:
    """What can only be done."""
    return Route(path, answers, methods=["POST"])


def both(path: str, answers: Answers) -> Route:
    """A form: shown, and taken at the same address."""
    return Route(path, answers, methods=["GET", "POST"])
