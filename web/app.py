"""The face: all pages joined, what stands before them, and what starts and stops with them."""

import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from importlib import metadata
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from helpdesk.desk import Desk, now
from helpdesk.settings import Settings
from web import (
    account,
    accuracy,
    admin,
    administration,
    agents,
    alarms,
    api,
    appearance,
    assets,
    audit,
    blocked,
    bulk,
    calendars,
    calls,
    canned,
    checklist_templates,
    checklists,
    customers,
    dashboards,
    devices,
    domains,
    drafts,
    edge,
    evaluation,
    exchanges,
    feedback,
    fields,
    files,
    forecast,
    guide,
    hooks,
    interventions,
    ledger,
    macros,
    mailboxes,
    notifications,
    ops,
    orders,
    outgoing,
    palette,
    pops,
    products,
    promises,
    queues,
    recalls,
    reporting,
    reports,
    returns,
    reviews,
    rosters,
    rules,
    safety,
    schedules,
    search,
    segments,
    settings_history,
    similar,
    staffing,
    supervising,
    survey_sendings,
    surveys,
    tags,
    tallies,
    tickets,
    topics,
    views,
    walls,
)
from web.hub import Hub
from web.render import Renderer

STATIC = Path(__file__).parent / "static"

_PAGES = (
    tickets, views, bulk, outgoing, canned, similar, macros, safety, tags, fields, returns, checklists, drafts, files,
    calls, interventions, recalls, pops, search, customers, queues, reviews, supervising, alarms, walls, dashboards,
    reports, tallies, evaluation, surveys, survey_sendings, segments, forecast, staffing, feedback, topics, products,
    orders, schedules, accuracy, palette, notifications, administration, appearance, audit, settings_history, guide,
    agents, rosters, calendars, promises, admin, ledger, mailboxes, exchanges, domains, blocked, rules,
    checklist_templates, account, devices, hooks, api, ops, reporting,
)  # fmt: skip
"""In the order in which they are asked; reporting takes every name of a file that no other page has taken."""


@functools.cache
def routes(*, demo: bool) -> tuple[Route | Mount | WebSocketRoute, ...]:
    """What the desk answers to. The first that fits answers."""
    return (
        *(route for page in _PAGES for route in page.ROUTES),
        *(_trial_routes() if demo else ()),
        WebSocketRoute("/live", live),
        *assets.ROUTES,
        Mount("/static", assets.Files(directory=STATIC)),
    )


def _trial_routes() -> tuple[Route, ...]:
    from web import trial

    return trial.ROUTES


async def live(socket: WebSocket) -> None:
    """A page's socket."""
    hub: Hub = socket.app.state.hub
    await hub.serve(socket)


def create(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = now,
    works: bool = True,
    on_ready: Callable[[], object] | None = None,
) -> Starlette:
    """The application. The desk opens and closes with it; `works` False leaves due work to other processes.

    `on_ready` is called once, when the classifier is loaded, due work runs and a first call has been rehearsed; nothing
    is rehearsed where nobody waits for it.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with Desk(settings, clock=clock, works=works, speak=app.state.renderer.voice) as desk:
            app.state.desk = desk
            app.state.hub = Hub(desk, app.state.renderer, on_ready=on_ready)
            await app.state.hub.start()
            try:
                yield
            finally:
                await app.state.hub.stop()

    app = Starlette(
        routes=routes(demo=settings.demo),
        lifespan=lifespan,
        middleware=[Middleware(edge.Edge), Middleware(GZipMiddleware, minimum_size=1500, compresslevel=4)],
    )
    app.state.renderer = Renderer(
        timezone=settings.timezone, desk_name=settings.name, static_version=assets.fingerprint(STATIC)
    )
    app.state.assets = assets.of(STATIC)
    app.state.version = _version()
    app.state.setup_code = account.new_setup_code()
    app.state.limiter = account.new_limiter()
    app.state.simulated = []
    app.state.used = {}
    app.state.sheets = {}
    edge.install(app)
    return app


@functools.cache
def _version() -> str:
    try:
        return metadata.version("madoguchi")
    except metadata.PackageNotFoundError:
        return "0.1.0"
