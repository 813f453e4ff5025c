"""Signing in and out, the first supervisor, and an agent's own settings."""

import hmac
import secrets
from typing import Any

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from sqlmodel import Session, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import agents, invitations, pushes, queues, ways
from helpdesk.errors import DeskError, Invalid, NotFound
from models import Agent, Role
from web.addresses import both, post
from web.edge import act, cookie_name, desk_facts, desk_of, html, language_of, look, token_of

COOKIE_SECONDS = 30 * 24 * 3600  # the browser keeps it longer than the desk honours it, see Settings.login_hours
TRIES = RateLimitItemPerMinute(10, 5)  # wrong or right, ten in five minutes for one address
TRIES_OF_MACHINE = RateLimitItemPerMinute(100, 5)  # a whole office may stand behind one machine's address


def new_limiter() -> MovingWindowRateLimiter:
    """Counts sign-ins, in this process."""
    return MovingWindowRateLimiter(MemoryStorage())


def new_setup_code() -> str:
    """What the console prints at the first start, so that whoever finds the page first is not thereby its owner."""
    return f"{secrets.randbelow(10**4):04}-{secrets.randbelow(10**4):04}"


async def sign_in(request: Request) -> Response:
    """The form, and what is typed into it."""
    desk = desk_of(request)
    if not await desk.database.read(_has_agents):
        return RedirectResponse("/welcome", 303)
    if request.method == "GET":
        return _sign_in_page(request, request.query_params.get("next", ""))
    form = await request.form()
    email, password, after = str(form.get("email", "")), str(form.get("password", "")), str(form.get("next", ""))
    machine = request.client.host if request.client else ""
    limiter: MovingWindowRateLimiter = request.app.state.limiter
    if not (limiter.hit(TRIES, "email", email.strip().lower()) and limiter.hit(TRIES_OF_MACHINE, "machine", machine)):
        return _sign_in_page(request, after, email=email, error="too_many_attempts", status=429)
    agent = await desk.database.read(agents.by_email, email)
    # argon2 takes its time on purpose; in a thread it takes nobody else's.
    if not await run_in_threadpool(agents.is_password, agent, password[:1000]) or agent is None:
        await desk.database.write(agents.refused, email, now=desk.clock())
        return _sign_in_page(request, after, email=email, error="wrong_sign_in", status=422)
    return await _let_in(request, agent, after)


async def sign_out(request: Request) -> Response:
    """End this browser's login."""
    desk = desk_of(request)
    await desk.database.write(agents.sign_out, token_of(request), now=desk.clock())
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(cookie_name(desk), path="/", secure=desk.settings.is_secure, httponly=True, samesite="lax")
    return response


async def welcome(request: Request) -> Response:
    """Make the first supervisor, once, with the code the console printed."""
    desk = desk_of(request)
    if await desk.database.read(_has_agents):
        raise NotFound("not_found")
    if request.method == "GET":
        return _welcome_page(request, {"setup_code": request.query_params.get("setup_code", "")}, {})
    form = await request.form()
    names = ("name", "reading", "email", "password", "setup_code")
    values = {name: str(form.get(name, "")).strip() for name in names}
    machine = request.client.host if request.client else ""
    if not request.app.state.limiter.hit(TRIES, "welcome", machine):
        return _welcome_page(request, values, {"setup_code": "too_many_attempts"}, 429)
    if not hmac.compare_digest(values["setup_code"].encode(), request.app.state.setup_code.encode()):
        return _welcome_page(request, values, {"setup_code": "wrong_setup_code"}, 422)

    def verb(db: Session) -> Agent:
        if _has_agents(db):
            raise NotFound("not_found")
        every = queues.make_defaults(db)
        return agents.create(
            db, name=values["name"], reading=values["reading"], email=values["email"], password=values["password"],
            role=Role.SUPERVISOR, language=language_of(request), now=desk.clock(),
            queue_ids=[queue.id or 0 for queue in every],  # a desk begins with one person, who answers everything
        )  # fmt: skip

    try:
        agent = await desk.database.write(verb)
    except DeskError as error:
        if isinstance(error, NotFound):
            raise
        return _welcome_page(request, values, {str(error.facts.get("field", "name")): error.code}, 422)
    return await _let_in(request, agent, "")


async def join(request: Request) -> Response:
    """Whom a supervisor invited chooses a password, and is let in."""
    desk, token = desk_of(request), request.path_params["token"][:100]
    agent = await desk.database.read(invitations.opened, token, now=desk.clock())
    if request.method == "GET":
        return _join_page(request, agent, "")
    machine = request.client.host if request.client else ""
    if not request.app.state.limiter.hit(TRIES, "join", machine):
        return _join_page(request, agent, "too_many_attempts", 429)
    typed = str((await request.form()).get("password", ""))[:1000]
    try:
        agent = await desk.database.write(invitations.accept, token, typed, now=desk.clock())
    except Invalid as error:
        return _join_page(request, agent, error.code, 422)
    return await _let_in(request, agent, "")


async def account(request: Request) -> Response:
    """Language and appearance."""
    if request.method == "POST":
        form = await request.form()
        language, theme = str(form.get("language", "")), str(form.get("theme", ""))
        if language not in ("ja", "en") or theme not in ("", "light", "dark"):
            raise Invalid("unknown_choice")

        def verb(db: Session, agent: Agent) -> None:
            agent.language, agent.theme = language, theme
            db.add(agent)

        await act(request, verb)
        return RedirectResponse("/account?notice=saved", 303)
    return await _account_page(request, {})


async def telling(request: Request) -> Response:
    """Choose what one is told of by which way, and whether single letters are shortcuts."""
    form = await request.form()
    chosen = {kind: [str(way) for way in form.getlist(f"ways_{kind}")] for kind in ways.KINDS}
    quiet = {name: str(form.get(name, "")).strip() for name in ("quiet_from", "quiet_until")}

    def verb(db: Session, agent: Agent) -> None:
        ways.choose(
            agent, chosen, names=bool(form.get("names")), shortcuts=bool(form.get("shortcuts")),
            days_off=bool(form.get("days_off")), quiet_from=quiet["quiet_from"], quiet_until=quiet["quiet_until"],
        )  # fmt: skip
        db.add(agent)

    try:
        await act(request, verb)
    except Invalid as error:
        return await _account_page(request, {str(error.facts.get("field")): "not_a_time_of_day"}, 422, quiet)
    return RedirectResponse("/account?notice=saved", 303)


async def password(request: Request) -> Response:
    """Change the password; other browsers are signed out."""
    form = await request.form()
    old, new = str(form.get("old", ""))[:1000], str(form.get("new", ""))[:1000]

    def verb(db: Session, agent: Agent) -> None:
        agents.change_password(agent, old=old, new=new)
        db.add(agent)
        agents.sign_out_everywhere(db, agent, but=token_of(request), by_id=agent.id, now=desk_of(request).clock())

    try:
        await act(request, verb)
    except Invalid as error:
        field = {"old": "old", "password": "new"}.get(str(error.facts.get("field")), "new")
        return await _account_page(request, {field: error.code}, 422)
    return RedirectResponse("/account?notice=saved", 303)


async def _let_in(request: Request, agent: Agent, after: str) -> Response:
    desk = desk_of(request)
    assert agent.id is not None
    hours, agent_id = desk.settings.login_hours, agent.id

    def verb(db: Session) -> str:
        return agents.sign_in(db, agents.get(db, agent_id), hours=hours, now=desk.clock())

    token = await desk.database.write(verb)
    # Only to a path of ours: "//elsewhere" and "https://elsewhere" are other people's doors.
    target = after if after.startswith("/") and not after.startswith(("//", "/\\")) else "/inbox"
    response = RedirectResponse(target, 303)
    response.set_cookie(cookie_name(desk), token, max_age=COOKIE_SECONDS, path="/", secure=desk.settings.is_secure,
                        httponly=True, samesite="lax")  # fmt: skip
    return response


def _sign_in_page(request: Request, after: str, *, email: str = "", error: str | None = None,
                  status: int = 200) -> Response:  # fmt: skip
    accounts: list[dict[str, Any]] = []
    if desk_of(request).settings.demo:
        from helpdesk.sample import company

        accounts = [
            {"email": account.email, "name": account.name, "reading": account.reading, "role": account.role.value,
             "password": account.password}
            for account in company.ACCOUNTS
        ]  # fmt: skip
    return html(request, "sign_in.html", language_of(request), status, error=error, email=email, next=after,
                desk=desk_facts(request), demo_accounts=accounts)  # fmt: skip


def _welcome_page(request: Request, values: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    values = {name: value for name, value in values.items() if name != "password"}
    return html(request, "welcome.html", language_of(request), status, values=values, errors=errors,
                desk=desk_facts(request))  # fmt: skip


def _join_page(request: Request, agent: Agent, error: str, status: int = 200) -> Response:
    return html(request, "join.html", language_of(request, agent), status, name=agent.name, email=agent.email,
                errors={"password": error} if error else {}, desk=desk_facts(request))  # fmt: skip


async def _account_page(request: Request, errors: dict[str, str], status: int = 200,
                        values: dict[str, str] | None = None) -> Response:  # fmt: skip
    frame, told = await look(request, lambda db, agent: {
        "kinds": [(kind, ways.offered(kind), ways.of(agent, kind)) for kind in ways.KINDS],
        "every_way": ways.WAYS, "names": ways.says_names(agent), "quiet": ways.quiet_hours(agent),
        "days_off": ways.wants_days_off(agent),
        "devices": len(pushes.of_agent(db, agent)), "lost_at": pushes.lost_at(agent),
        "can_push": bool(desk_of(request).settings.push_services),
    })  # fmt: skip
    frame |= {"view": "account", "errors": errors, "values": values or {}} | told
    return html(request, "account.html", frame["me"]["language"], status, **frame)


def _has_agents(db: Session) -> bool:
    return db.exec(select(Agent.id).limit(1)).first() is not None


ROUTES = (
    both("/join/{token}", join),
    both("/sign-in", sign_in),
    post("/sign-out", sign_out),
    both("/welcome", welcome),
    both("/account", account),
    post("/account/password", password),
    post("/account/telling", telling),
)
