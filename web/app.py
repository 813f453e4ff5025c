"""The face: every route on one page, what stands before them, and what starts and stops with them."""

import functools
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from importlib import metadata
from pathlib import Path

from starlette.applications import Starlette
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
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
    settings_history,
    similar,
    staffing,
    supervising,
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

HERE = Path(__file__).parent
POST, BOTH = ["POST"], ["GET", "POST"]


class _Id(IntegerConvertor):
    """A row's number in an address. More digits than any row has are an address that leads nowhere."""

    regex = "[0-9]{1,9}"


register_url_convertor("id", _Id())


@functools.cache
def routes(*, demo: bool) -> tuple[Route | Mount | WebSocketRoute, ...]:
    """What the desk answers to. The desks of one process share it: each pattern is compiled once."""
    return (
        Route("/", tickets.home),
        Route("/inbox", tickets.inbox),
        Route("/inbox/belongs", views.belongs),
        Route("/views", views.page),
        Route("/views/new", views.new, methods=BOTH),
        Route("/views/{view_id:id}", views.edit, methods=BOTH),
        Route("/views/{view_id:id}/move", views.move, methods=POST),
        Route("/views/{view_id:id}/delete", views.delete, methods=POST),
        Route("/views/{view_id:id}/restore", views.restore, methods=POST),
        Route("/bulk", bulk.choose, methods=BOTH),
        Route("/bulk/{bulk_id:id}", bulk.show),
        Route("/bulk/{bulk_id:id}/cancel", bulk.cancel, methods=POST),
        Route("/bulk/{bulk_id:id}/undo", bulk.undo, methods=POST),
        Route("/tickets/new", outgoing.new, methods=BOTH),
        Route("/tickets/new/canned", canned.first_offers),
        Route("/tickets/{ticket_id:id}", tickets.ticket),
        Route("/tickets/{ticket_id:id}/region", tickets.region),
        Route("/tickets/{ticket_id:id}/similar", similar.region),
        Route("/tickets/{ticket_id:id}/canned", canned.offers),
        Route("/tickets/{ticket_id:id}/macros", macros.menu),
        Route("/tickets/{ticket_id:id}/macros", macros.use, methods=POST),
        Route("/tickets/{ticket_id:id}/reply", tickets.reply, methods=POST),
        Route("/tickets/{ticket_id:id}/lock", safety.lock, methods=BOTH),
        Route("/tickets/{ticket_id:id}/note", tickets.note, methods=POST),
        Route("/tickets/{ticket_id:id}/assign", tickets.assign, methods=POST),
        Route("/tickets/{ticket_id:id}/move", tickets.move, methods=POST),
        Route("/tickets/{ticket_id:id}/resolve", tickets.resolve, methods=POST),
        Route("/tickets/{ticket_id:id}/reopen", tickets.reopen, methods=POST),
        Route("/tickets/{ticket_id:id}/transfer", tickets.transfer, methods=POST),
        Route("/tickets/{ticket_id:id}/priority", tickets.prioritize, methods=POST),
        Route("/tickets/{ticket_id:id}/pend", tickets.pend, methods=POST),
        Route("/tickets/{ticket_id:id}/tags", tags.on_ticket, methods=POST),
        Route("/tickets/{ticket_id:id}/fields", fields.on_ticket, methods=POST),
        Route("/tickets/{ticket_id:id}/returns", returns.on_ticket, methods=BOTH),
        Route("/tickets/{ticket_id:id}/returns/{return_id:id}", returns.step, methods=POST),
        Route("/tickets/{ticket_id:id}/checklist", checklists.on_ticket, methods=POST),
        Route("/tickets/{ticket_id:id}/watch", tickets.watch, methods=POST),
        Route("/tickets/{ticket_id:id}/link", tickets.link, methods=POST),
        Route("/tickets/{ticket_id:id}/split", tickets.split, methods=POST),
        Route("/tickets/{ticket_id:id}/undo", tickets.undo, methods=POST),
        Route("/tickets/{ticket_id:id}/merge", tickets.merge, methods=POST),
        Route("/tickets/{ticket_id:id}/unmerge", tickets.unmerge, methods=POST),
        Route("/tickets/{ticket_id:id}/reachable", tickets.reachable, methods=POST),
        Route("/tickets/{ticket_id:id}/urgency", tickets.urgency, methods=POST),
        Route("/tickets/{ticket_id:id}/customer", tickets.customer, methods=POST),
        Route("/tickets/{ticket_id:id}/customer/new", tickets.new_customer, methods=POST),
        Route("/drafts", drafts.page),
        Route("/drafts/{place}", drafts.show),
        Route("/drafts/{place}", drafts.change, methods=POST),
        Route("/messages/{message_id:id}/undo", outgoing.undo, methods=POST),
        Route("/messages/{message_id:id}/later", outgoing.later, methods=POST),
        Route("/messages/{message_id:id}/approve", safety.approve, methods=POST),
        Route("/messages/{message_id:id}/return", safety.send_back, methods=POST),
        Route("/approvals", safety.waiting),
        Route("/messages/{message_id:id}/html", files.message_html),
        Route("/messages/{message_id:id}/text", tickets.message_text),
        Route("/messages/{message_id:id}/source", files.message_source),
        Route("/attachments/{attachment_id:id}", files.attachment),
        Route("/files/{token}", files.show),
        Route("/calls", calls.page),
        Route("/dial", calls.dial, methods=POST),
        Route("/calls/{call_id:id}", calls.show),
        Route("/calls/{call_id:id}/accept", calls.accept, methods=POST),
        Route("/calls/{call_id:id}/decline", calls.decline, methods=POST),
        Route("/calls/{call_id:id}/customer", calls.customer, methods=POST),
        Route("/calls/{call_id:id}/customer/new", calls.new_customer, methods=POST),
        Route("/calls/{call_id:id}/customer/undo", calls.undo_customer, methods=POST),
        Route("/calls/{call_id:id}/guess", calls.guess, methods=POST),
        Route("/calls/{call_id:id}/block", calls.block, methods=POST),
        Route("/calls/{call_id:id}/ticket", calls.ticket, methods=POST),
        Route("/calls/{call_id:id}/take", interventions.take, methods=POST),
        Route("/calls/{call_id:id}/queue", interventions.queue, methods=POST),
        Route("/agents/{agent_id:id}/state", interventions.state, methods=POST),
        Route("/callbacks", recalls.page),
        Route("/callbacks/{callback_id:id}/assign", recalls.assign, methods=POST),
        Route("/callbacks/{callback_id:id}/settle", recalls.settle, methods=POST),
        Route("/callbacks/{callback_id:id}/reopen", recalls.reopen, methods=POST),
        Route("/calls/{call_id:id}/note", calls.note, methods=POST),
        Route("/calls/{call_id:id}/help", calls.ask_help, methods=POST),
        Route("/calls/{call_id:id}/wrap-up", calls.wrap_up, methods=POST),
        Route("/pop", pops.pop),
        Route("/pop/choose", pops.choose),
        Route("/pop/{name}", pops.pop),
        Route("/search", search.page),
        Route("/search/suggest", search.suggest),
        Route("/search/forget", search.forget, methods=POST),
        Route("/customers", customers.page),
        Route("/customers/new", customers.new, methods=BOTH),
        Route("/customers/{customer_id:id}", customers.show),
        Route("/customers/{customer_id:id}/reachable", customers.reachable, methods=POST),
        Route("/customers/{customer_id:id}/numbers", customers.add_number, methods=POST),
        Route("/customers/{customer_id:id}/numbers/back", customers.put_back, methods=POST),
        Route("/customers/{customer_id:id}/numbers/{point_id:id}", customers.change_number, methods=POST),
        Route("/customers/{customer_id:id}/edit", customers.edit, methods=BOTH),
        Route("/queues", queues.page),
        Route("/queues/board", queues.region),
        Route("/reviews", reviews.page),
        Route("/reviews.csv", reviews.file),
        Route("/reviews/draw", reviews.draw, methods=POST),
        Route("/reviews/form", reviews.edit, methods=BOTH),
        Route("/reviews/mine", reviews.mine),
        Route("/reviews/by-hand", reviews.by_hand, methods=POST),
        Route("/reviews/{pick_id:id}", reviews.score, methods=BOTH),
        Route("/reviews/{pick_id:id}/take-off", reviews.take_off, methods=POST),
        Route("/reviews/{review_id:id}/answer", reviews.answer, methods=POST),
        Route("/queues/work", supervising.page),
        Route("/queues/work/list", supervising.rows),
        Route("/queues/work/share", supervising.share, methods=POST),
        Route("/queues/work/{ticket_id:id}/give", supervising.give, methods=POST),
        Route("/queues/alarms", alarms.page),
        Route("/queues/{queue_id:id}/alarms", alarms.thresholds, methods=POST),
        Route("/queues/walls", walls.every, methods=BOTH),
        Route("/queues/walls/{wall_id:id}/revoke", walls.revoke, methods=POST),
        Route("/wall", walls.wall),
        Route("/wall/b/{secret}", dashboards.wall),
        Route("/wall/{secret}", walls.screen),
        Route("/reports/calls", reports.calls),
        Route("/reports/calls.csv", reports.file),
        Route("/reports/service", tallies.page),
        Route("/reports/service.csv", tallies.file),
        Route("/reports/service.xlsx", tallies.file),
        Route("/reports/service/rows", tallies.behind),
        Route("/reports/routing", evaluation.page),
        Route("/reports/routing.csv", evaluation.file),
        Route("/reports/routing.xlsx", evaluation.file),
        Route("/reports/service/rows.csv", tallies.behind_file),
        Route("/reports/service/rows.xlsx", tallies.behind_file),
        Route("/s/{token}", surveys.answer, methods=BOTH),
        Route("/s/{token}/stop", surveys.stop, methods=BOTH),
        Route("/admin/surveys", surveys.page),
        Route("/admin/surveys/new", surveys.new, methods=BOTH),
        Route("/admin/surveys/{survey_id:id}", surveys.edit, methods=BOTH),
        Route("/admin/surveys/{survey_id:id}/switch", surveys.switch, methods=POST),
        Route("/admin/surveys/{survey_id:id}/send", surveys.send, methods=POST),
        Route("/admin/surveys/{survey_id:id}/preview", surveys.preview),
        Route("/reports/forecast", forecast.page),
        Route("/reports/forecast/halves.csv", forecast.file),
        Route("/reports/forecast/halves.xlsx", forecast.file),
        Route("/reports/staffing", staffing.page),
        Route("/reports/staffing/halves.csv", staffing.file),
        Route("/reports/staffing/halves.xlsx", staffing.file),
        Route("/reports/staffing/shifts", staffing.add, methods=POST),
        Route("/reports/staffing/shifts.csv", staffing.plan),
        Route("/reports/staffing/shifts/{shift_id:id}/delete", staffing.delete, methods=POST),
        Route("/reports/staffing/copy", staffing.copy, methods=POST),
        Route("/reports/staffing/import", staffing.bring, methods=POST),
        Route("/reports/staffing/undo", staffing.undo, methods=POST),
        Route("/reports/staffing/assume", staffing.assume, methods=POST),
        Route("/reports/feedback", feedback.page),
        Route("/reports/feedback.csv", feedback.file),
        Route("/reports/feedback.xlsx", feedback.file),
        Route("/reports/feedback/import", feedback.bring, methods=POST),
        Route("/reports/topics", topics.page, methods=BOTH),
        Route("/reports/products", products.page),
        Route("/reports/products/rows", products.rows),
        Route("/reports/products/rows.csv", products.rows_file),
        Route("/reports/products/rows.xlsx", products.rows_file),
        Route("/reports/products/warnings/{warning_id:id}", products.warning, methods=POST),
        Route("/admin/products", products.listed),
        Route("/admin/products/import", products.bring, methods=POST),
        Route("/admin/products/reasons", products.reason, methods=POST),
        Route("/admin/products/reasons/{reason_id:id}", products.reason, methods=POST),
        Route("/reports/boards", dashboards.page),
        Route("/reports/boards/new", dashboards.new, methods=POST),
        Route("/reports/boards/{dashboard_id:id}", dashboards.show),
        Route("/reports/boards/{dashboard_id:id}/edit", dashboards.edit, methods=POST),
        Route("/reports/boards/{dashboard_id:id}/delete", dashboards.delete, methods=POST),
        Route("/reports/boards/{dashboard_id:id}/restore", dashboards.restore, methods=POST),
        Route("/reports/boards/{dashboard_id:id}/share", dashboards.share, methods=POST),
        Route("/reports/boards/{dashboard_id:id}/tiles", dashboards.add, methods=POST),
        Route("/reports/boards/{dashboard_id:id}/tiles/{tile_id:id}", dashboards.tile, methods=POST),
        Route("/reports/schedules", schedules.page),
        Route("/reports/schedules/new", schedules.new, methods=BOTH),
        Route("/reports/schedules/{schedule_id:id}", schedules.edit, methods=BOTH),
        Route("/reports/schedules/{schedule_id:id}/switch", schedules.switch, methods=POST),
        Route("/reports/schedules/{schedule_id:id}/now", schedules.now, methods=POST),
        Route("/reports/schedules/{schedule_id:id}/delete", schedules.delete, methods=POST),
        Route("/reports/schedules/{schedule_id:id}/restore", schedules.restore, methods=POST),
        Route("/reports/schedules/mails/{mail_id:id}/again", schedules.again, methods=POST),
        Route("/m/{token}", schedules.stop, methods=BOTH),
        Route("/reports/{key}.{kind}", reporting.file),
        Route("/reports/topics/switch", topics.switch, methods=POST),
        Route("/reports/topics/merge", topics.merge, methods=POST),
        Route("/reports/topics/split", topics.split, methods=POST),
        Route("/reports/feedback/topics", feedback.correct, methods=POST),
        Route("/queues/hands", queues.hands),
        Route("/queues/hands/{agent_id:id}/lower", queues.lower, methods=POST),
        Route("/queues/accuracy", accuracy.page),
        Route("/queues/accuracy/answers", accuracy.answers),
        Route("/queues/accuracy/threshold", accuracy.threshold, methods=POST),
        Route("/queues/accuracy/learn", accuracy.learn, methods=POST),
        Route("/queues/accuracy/promote", accuracy.promote, methods=POST),
        Route("/queues/accuracy/roll-back", accuracy.roll_back, methods=POST),
        Route("/rail", queues.rail),
        Route("/palette", palette.palette),
        Route("/notifications", notifications.page),
        Route("/notifications/list", notifications.region),
        Route("/notifications/bell", notifications.bell),
        Route("/notifications/newest", notifications.newest),
        Route("/notifications/read", notifications.read, methods=POST),
        Route("/notifications/{notification_id:id}", notifications.follow),
        Route("/me/state", queues.state, methods=POST),
        Route("/admin", administration.page),
        Route("/admin/appearance", appearance.page, methods=BOTH),
        Route("/admin/appearance/logo", appearance.picture, methods=POST),
        Route("/logo/{logo_id:id}", appearance.logo),
        Route("/appearance.css", appearance.style),
        Route("/admin/audit", audit.page),
        Route("/admin/audit.csv", audit.file),
        Route("/admin/changes/{change_id:id}", settings_history.show),
        Route("/admin/changes/{change_id:id}/undo", settings_history.undo, methods=POST),
        Route("/admin/queues", queues.every),
        Route("/admin/queues/guide", guide.begin, methods=BOTH),
        Route("/admin/queues/{queue_id:id}/guide", guide.steps, methods=BOTH),
        Route("/admin/queues/new", queues.new, methods=BOTH),
        Route("/admin/queues/{queue_id:id}", queues.edit, methods=BOTH),
        Route("/admin/agents", agents.page),
        Route("/admin/agents.csv", rosters.file),
        Route("/admin/agents/import", rosters.page, methods=BOTH),
        Route("/admin/agents/new", rosters.new, methods=POST),
        Route("/admin/agents/{agent_id:id}/invite", rosters.invite, methods=POST),
        Route("/admin/agents/{agent_id:id}", agents.edit, methods=BOTH),
        Route("/admin/calendars", calendars.page),
        Route("/admin/calendars/new", calendars.new, methods=BOTH),
        Route("/admin/calendars/{calendar_id:id}", calendars.edit, methods=BOTH),
        Route("/admin/calendars/{calendar_id:id}/delete", calendars.delete, methods=POST),
        Route("/admin/promises", promises.page),
        Route("/admin/promises/new", promises.new, methods=BOTH),
        Route("/admin/promises/{policy_id:id}", promises.edit, methods=BOTH),
        Route("/admin/promises/{policy_id:id}/switch", promises.switch, methods=POST),
        Route("/admin/promises/{policy_id:id}/move", promises.move, methods=POST),
        Route("/admin/parked", admin.parked),
        Route("/admin/parked/posts/replay", admin.replay_posts, methods=POST),
        Route("/admin/parked/{parked_id:id}/replay", admin.replay, methods=POST),
        Route("/admin/parked/{parked_id:id}/dismiss", admin.dismiss, methods=POST),
        Route("/admin/guesses", admin.guesses),
        Route("/admin/guesses", admin.switch, methods=POST),
        Route("/admin/inbound/{inbound_id:id}/raw", files.raw),
        Route("/admin/mail", ledger.page),
        Route("/admin/mail/list", ledger.rows),
        Route("/admin/mail/{inbound_id:id}", ledger.mail),
        Route("/admin/mail/{inbound_id:id}/again", ledger.again, methods=POST),
        Route("/admin/mail/{inbound_id:id}/assign", ledger.assign, methods=POST),
        Route("/admin/mailboxes", mailboxes.page),
        Route("/admin/mailboxes/new", mailboxes.new, methods=BOTH),
        Route("/admin/mailboxes/new/test", mailboxes.test, methods=POST),
        Route("/admin/mailboxes/{mailbox_id:id}", mailboxes.edit, methods=BOTH),
        Route("/admin/mailboxes/{mailbox_id:id}/test", mailboxes.test, methods=POST),
        Route("/admin/mailboxes/{mailbox_id:id}/pause", mailboxes.pause, methods=POST),
        Route("/admin/mailboxes/{mailbox_id:id}/resume", mailboxes.resume, methods=POST),
        Route("/admin/mailboxes/{mailbox_id:id}/delete", mailboxes.delete, methods=POST),
        Route("/admin/exchanges", exchanges.page),
        Route("/admin/exchanges/log", exchanges.log),
        Route("/admin/exchanges/new", exchanges.new, methods=BOTH),
        Route("/admin/exchanges/{exchange_id:id}", exchanges.show),
        Route("/admin/exchanges/{exchange_id:id}/edit", exchanges.edit, methods=BOTH),
        Route("/admin/exchanges/{exchange_id:id}/mapping", exchanges.mapping, methods=POST),
        Route("/admin/exchanges/{exchange_id:id}/try", exchanges.attempt, methods=POST),
        Route("/admin/exchanges/{exchange_id:id}/ring", exchanges.ring, methods=POST),
        Route("/admin/exchanges/{exchange_id:id}/pause", exchanges.pause, methods=POST),
        Route("/admin/exchanges/{exchange_id:id}/resume", exchanges.resume, methods=POST),
        Route("/admin/exchanges/{exchange_id:id}/rotate", exchanges.rotate, methods=POST),
        Route("/admin/exchanges/{exchange_id:id}/retire", exchanges.retire, methods=POST),
        Route("/admin/exchanges/{exchange_id:id}/delete", exchanges.delete, methods=POST),
        Route("/admin/exchanges/{exchange_id:id}/template.xml", exchanges.template),
        Route("/admin/mail/domains", domains.page),
        Route("/admin/mail/domains/check", domains.check, methods=POST),
        Route("/admin/mail/domains/key", domains.key, methods=POST),
        Route("/admin/mail/domains/switch", domains.switch, methods=POST),
        Route("/admin/mail/domains/delete", domains.delete, methods=POST),
        Route("/admin/blocked", blocked.page),
        Route("/admin/blocked", blocked.change, methods=POST),
        Route("/tags", tags.suggest),
        Route("/admin/tags", tags.page),
        Route("/admin/tags/making", tags.making, methods=POST),
        Route("/admin/tags/{tag_id:id}", tags.edit, methods=POST),
        Route("/admin/fields", fields.page),
        Route("/admin/fields/new", fields.new, methods=BOTH),
        Route("/admin/fields/{field_id:id}", fields.edit, methods=BOTH),
        Route("/admin/fields/{field_id:id}/arrange", fields.arrange, methods=POST),
        Route("/admin/canned", canned.page),
        Route("/admin/canned/new", canned.new, methods=BOTH),
        Route("/admin/canned/{canned_id:id}", canned.edit, methods=BOTH),
        Route("/admin/canned/{canned_id:id}/switch", canned.switch, methods=POST),
        Route("/admin/canned/{canned_id:id}/delete", canned.delete, methods=POST),
        Route("/admin/rules", rules.page),
        Route("/admin/rules/new", rules.new, methods=BOTH),
        Route("/admin/rules/runs", rules.history),
        Route("/admin/rules/runs/{run_id:id}/undo", rules.undo, methods=POST),
        Route("/admin/rules/{rule_id:id}", rules.edit, methods=BOTH),
        Route("/admin/rules/{rule_id:id}/trial", rules.trial),
        Route("/admin/rules/{rule_id:id}/switch", rules.turn, methods=POST),
        Route("/admin/rules/{rule_id:id}/move", rules.move, methods=POST),
        Route("/admin/rules/{rule_id:id}/delete", rules.turn, methods=POST),
        Route("/admin/rules/{rule_id:id}/restore", rules.turn, methods=POST),
        Route("/admin/macros", macros.page),
        Route("/admin/macros/new", macros.new, methods=BOTH),
        Route("/admin/macros/{macro_id:id}", macros.edit, methods=BOTH),
        Route("/admin/macros/{macro_id:id}/switch", macros.turn, methods=POST),
        Route("/admin/macros/{macro_id:id}/delete", macros.turn, methods=POST),
        Route("/admin/macros/{macro_id:id}/restore", macros.turn, methods=POST),
        Route("/admin/checklists", checklist_templates.page),
        Route("/admin/checklists/new", checklist_templates.new, methods=BOTH),
        Route("/admin/checklists/{template_id:id}", checklist_templates.edit, methods=BOTH),
        Route("/join/{token}", account.join, methods=BOTH),
        Route("/admin/checklists/{template_id:id}/switch", checklist_templates.turn, methods=POST),
        Route("/admin/checklists/{template_id:id}/delete", checklist_templates.turn, methods=POST),
        Route("/admin/checklists/{template_id:id}/restore", checklist_templates.turn, methods=POST),
        Route("/sign-in", account.sign_in, methods=BOTH),
        Route("/sign-out", account.sign_out, methods=POST),
        Route("/welcome", account.welcome, methods=BOTH),
        Route("/account", account.account, methods=BOTH),
        Route("/account/password", account.password, methods=POST),
        Route("/account/telling", account.telling, methods=POST),
        Route("/account/push", devices.push, methods=POST),
        Route("/account/push/key", devices.key, methods=POST),
        Route("/manifest.webmanifest", devices.manifest),
        Route("/sw.js", devices.worker),
        Route("/offline", devices.offline),
        *(_trial_routes() if demo else ()),
        WebSocketRoute("/live", live),
        Route("/hooks/twilio/voice", hooks.twilio_voice, methods=POST),
        Route("/hooks/twilio/status", hooks.twilio_news, methods=POST),
        Route("/hooks/twilio/dialed", hooks.twilio_dialed, methods=POST),
        Route("/hooks/twilio/wait", hooks.twilio_wait, methods=POST),
        Route("/hooks/twilio/key", hooks.twilio_key, methods=POST),
        Route("/hooks/twilio/left", hooks.twilio_news, methods=POST),
        Route("/hooks/twilio/recording", hooks.twilio_news, methods=POST),
        Route("/hooks/twilio/sms", hooks.twilio_text, methods=POST),
        Route("/hooks/twilio/sms/status", hooks.twilio_text_status, methods=POST),
        Route("/hooks/mail/{token}", hooks.mail, methods=POST),
        Route("/api/v1/cti/{token}", hooks.push, methods=BOTH),
        Route("/api/v1/cti/{token}/lookup", hooks.lookup),
        Route("/api/v1/cti/{token}/search", hooks.search),
        Route("/api/v1/cti/{token}/report", hooks.report, methods=POST),
        Route("/api/v1/cti/{token}/phonebridge/v3/callnotify", hooks.phonebridge, methods=POST),
        Route("/hooks/survey/{token}/stop", surveys.one_click, methods=POST),
        Route("/hooks/report/{token}/stop", schedules.one_click, methods=POST),
        Route("/admin/tokens", api.tokens, methods=BOTH),
        Route("/admin/tokens/{token_id:id}/revoke", api.revoke, methods=POST),
        Route("/api/v1/returns", api.returns_of_order),
        Route("/api/v1/returns/{return_id:id}/{step}", api.return_step, methods=POST),
        Route("/api/v1/reports", api.reports),
        Route("/api/v1/reports/{key}", api.report),
        Route("/healthz", ops.health),
        Route("/readyz", ops.ready),
        Route("/metrics", ops.metrics),
        Route("/static/desk.css", joined),
        Route("/static/desk.js", joined),
        Mount("/static", _Static(directory=HERE / "static")),
    )


def _trial_routes() -> list[Route]:
    from web import trial

    return [
        Route("/try", trial.page),
        Route("/try/call", trial.call, methods=POST),
        Route("/try/hang-up", trial.hang_up, methods=POST),
        Route("/try/mail", trial.mail, methods=POST),
        Route("/try/answer", trial.answer, methods=POST),
    ]


async def joined(request: Request) -> Response:
    """The one style sheet and the one script."""
    found: assets.Assets = request.app.state.assets
    return await found.serve(request)


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
        timezone=settings.timezone, desk_name=settings.name, static_version=_fingerprint(HERE / "static")
    )
    app.state.assets = assets.of(HERE / "static")
    app.state.version = _version()
    app.state.setup_code = account.new_setup_code()
    app.state.limiter = account.new_limiter()
    app.state.simulated = []
    app.state.used = {}
    app.state.sheets = {}
    edge.install(app)
    return app


class _Static(StaticFiles):
    """Styles and scripts. An address with a version in it never changes its content, so browsers may keep it."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if b"v=" in scope["query_string"]:
            response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


@functools.cache
def _fingerprint(folder: Path) -> str:
    """Changes when any style or script does."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:10]


@functools.cache
def _version() -> str:
    try:
        return metadata.version("madoguchi")
    except metadata.PackageNotFoundError:
        return "0.1.0"
