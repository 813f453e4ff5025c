"""Health, readiness, metrics: for whoever keeps the desk running."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from helpdesk import inbox, operations
from web.addresses import get
from web.edge import desk_of

PRIVATE = ("127.0.0.1", "::1")


async def health(request: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok")


async def ready(request: Request) -> Response:
    """The database answers, the classifier is loaded and due work runs; 503 until then."""
    desk = desk_of(request)
    await desk.database.read(inbox.open_count)
    if not desk.is_ready:
        return PlainTextResponse("loading", 503)
    return PlainTextResponse("ready")


async def metrics(request: Request) -> Response:
    """Prometheus' text format. Counted from rows when asked, for this machine only."""
    if request.client is None or request.client.host not in PRIVATE:
        return PlainTextResponse("not_allowed", 403)
    figures = await desk_of(request).database.read(operations.figures)
    figures["desk_live_sockets"] = request.app.state.hub.connected
    text = "".join(f"# TYPE {name} gauge\n{name} {value}\n" for name, value in figures.items())
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


ROUTES = (
    get("/healthz", health),
    get("/readyz", ready),
    get("/metrics", metrics),
)
