"""Rules as supervisors make them: the list in the order in which they are asked, a form, a trial, and what they did."""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session
from starlette.datastructures import FormData
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from helpdesk import access, acts, seals, terms
from helpdesk import kept as keeping
from helpdesk.errors import Invalid, Rejected
from helpdesk.rules import history as ran
from helpdesk.rules import making, trials, triggers
from helpdesk.rules.making import Form
from helpdesk.settings_history import Rehearsed
from models import Agent, Rule
from web import builder, kept, rule_words
from web.addresses import both, get, post
from web.builder import Draft
from web.edge import act, back, desk_of, html, look, one_of, renderer_of, see
from web.rule_words import Speaker
from web.settings_history import change, saved, still_seen

PLAIN = ("name", "name_en", "trigger", "after", "unit")
SHOWN = 50


def speaker(connection: HTTPConnection, db: Session, language: str, *, user: str = "rule") -> Speaker:
    """Who says rules and macros in this language."""
    return rule_words.speaker(db, language, renderer_of(connection).gettext(language), user=user)


async def page(request: Request) -> Response:
    """All of them, in order, each as a sentence, with what it did lately."""
    desk = desk_of(request)

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        says = speaker(request, db, agent.language)
        rows = making.everyone(db, settings=desk.settings, now=desk.clock())
        return {"rows": [{"row": row, "says": says.rule(row.rule)} for row in rows], 
                "deleted": keeping.deleted(db, Rule)}  # fmt: skip

    frame, told = await look(request, verb)
    return html(request, "rules/page.html", frame["me"]["language"], **(frame | told | {"view": "rules"}))


async def new(request: Request) -> Response:
    """An empty form, or a new rule."""
    if request.method == "GET":
        return await _form(request, None, Draft({"trigger": "opened", "unit": "hours"}), {})
    return await _save(request, None)


async def edit(request: Request) -> Response:
    """The rule as a form and as a sentence in both languages, or the changed rule."""
    rule_id = request.path_params["rule_id"]
    return await (_form(request, rule_id, None, {}) if request.method == "GET" else _save(request, rule_id))


async def trial(request: Request) -> Response:
    """What it would have met in the last month. Nothing is done."""
    rule_id, now = request.path_params["rule_id"], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        rule = making.get(db, rule_id)
        says = speaker(request, db, agent.language)
        return {"rule": rule, "says": says.rule(rule), "does": says.acts(rule.acts, "rule"),
                "tried": trials.trial(db, rule, now=now)}  # fmt: skip

    frame, told = await look(request, verb)
    told |= {"view": "rules", "days": trials.DAYS}
    return html(request, "rules/trial.html", frame["me"]["language"], **(frame | told))


async def history(request: Request) -> Response:
    """What rules and macros did, the newest first."""
    asked = request.query_params
    rule_id = int(asked["rule"]) if asked.get("rule", "").isdecimal() and len(asked["rule"]) < 10 else None
    before = int(asked["before"]) if asked.get("before", "").isdecimal() and len(asked["before"]) < 10 else None

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        rows = ran.runs(db, rule_id, language=agent.language, before=before, limit=SHOWN + 1)
        says = {user: speaker(request, db, agent.language, user=user) for user in ("rule", "macro")}
        shown = []
        for row in rows[:SHOWN]:
            user = "macro" if row.run.macro_id else "rule"
            source = db.get(Rule, row.run.rule_id) if row.run.rule_id else None
            shown.append({"row": row, "did": [_done(says[user], each) for each in row.run.did],
                          "is_there": source is None or source.deleted_at is None})  # fmt: skip
        return {"rows": shown, "next": rows[SHOWN - 1].run.id if len(rows) > SHOWN else None,
                "rule": making.get(db, rule_id) if rule_id else None}  # fmt: skip

    frame, told = await look(request, verb)
    return html(request, "rules/history.html", frame["me"]["language"], **(frame | told | {"view": "rules"}))


async def undo(request: Request) -> Response:
    """Take back what one run did."""
    run_id, desk = request.path_params["run_id"], desk_of(request)

    def verb(db: Session, agent: Agent) -> int:
        row = ran.get_run(db, run_id)
        access.ticket(db, agent, row.ticket_id)
        if row.by_id != agent.id:
            access.supervisor(agent)
        ran.undo(db, row, by=agent, settings=desk.settings, now=desk.clock())
        return row.ticket_id

    ticket_id = await act(request, verb)
    return back(request, f"/tickets/{ticket_id}", notice="run_taken_back")


async def turn(request: Request) -> Response:
    """Let it run, or no longer; take it away, and bring it back."""
    return await kept.turn(request, _find(request), "/admin/rules", deleted="rule_deleted", restored="rule_restored",
                           verbs=making)  # fmt: skip


async def move(request: Request) -> Response:
    """Ask it earlier, or later."""
    value, now = str((await request.form()).get("to", "")), desk_of(request).clock()
    find, places = _find(request), {"up": -1, "down": 1}

    def verb(db: Session, agent: Agent) -> None:
        rule = find(db, agent)
        making.move(db, rule, places[one_of(value, places, field="to")], by=agent, now=now)

    _, change_id = await change(request, verb)
    return saved("/admin/rules", change_id)


def _find(request: Request) -> Callable[[Session, Agent], Rule]:
    rule_id = request.path_params["rule_id"]

    def find(db: Session, agent: Agent) -> Rule:
        access.supervisor(agent)
        return making.get(db, rule_id)

    return find


async def _save(request: Request, rule_id: int | None) -> Response:
    form, desk = await request.form(), desk_of(request)
    _, draft = await see(request, lambda db, agent: _read(db, access.supervisor(agent), form))
    asked = str(form.get("step", "save"))
    if asked != "save" and builder.step(draft, asked, form):
        still_seen(request, form)
        return await _form(request, rule_id, draft, {})

    def verb(db: Session, agent: Agent) -> int:
        access.supervisor(agent)
        rule = making.get(db, rule_id) if rule_id else None
        return making.save(db, rule, _typed(draft), by=agent, settings=desk.settings, now=desk.clock()).id or 0

    try:
        kept_id, change_id = await change(request, verb)
    except Rehearsed as seen:
        return await _form(request, rule_id, draft, {}, will=seen.shown)
    except Invalid as error:
        return await _form(request, rule_id, draft, {str(error.facts.get("field", "")): error.code}, 422, error.facts)
    return saved(f"/admin/rules/{kept_id}", change_id)


def _read(db: Session, _agent: Agent, form: FormData) -> Draft:
    draft = builder.read(form, PLAIN, terms.fields_of(db))
    draft.plain |= {name: "1" if form.get(name) else "" for name in ("in_hours", "stops")}
    return draft


def _typed(draft: Draft) -> Form:
    after = draft.plain["after"].strip()
    minutes = int(after) if after.isascii() and after.isdecimal() and len(after) < 8 else 0
    return Form(
        name=draft.plain["name"], name_en=draft.plain["name_en"], trigger=draft.plain["trigger"],
        after_minutes=minutes * builder.UNITS.get(draft.plain["unit"], 1), in_hours=bool(draft.plain["in_hours"]),
        all_of=draft.terms["all"], any_of=draft.terms["any"], acts=draft.acts, stops=bool(draft.plain["stops"]),
    )  # fmt: skip


def _drawn(rule: Rule) -> Draft:
    after, unit = builder.unit_of(rule.after_minutes)
    plain = {"name": rule.name, "name_en": rule.name_en, "trigger": rule.trigger,
             "after": after if rule.after_minutes else "", "unit": unit, "in_hours": "1" if rule.in_hours else "",
             "stops": "1" if rule.stops else ""}  # fmt: skip
    return Draft(plain, {"all": list(rule.all_of), "any": list(rule.any_of)}, list(rule.acts))


async def _form(request: Request, rule_id: int | None, draft: Draft | None, errors: dict[str, str], status: int = 200,
                facts: dict[str, object] | None = None, will: Any = None) -> Response:  # fmt: skip
    desk = desk_of(request)

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        rule = making.get(db, rule_id) if rule_id else None
        shown = draft
        if shown is None:
            assert rule is not None
            shown = _drawn(rule)
        says = {language: speaker(request, db, language) for language in ("ja", "en")}
        read = sorted(says, key=lambda language: language != agent.language)  # the reader's own first
        return {
            "draft": shown, "rule": rule, "triggers": triggers.triggers(), "waits": list(triggers.WAITS),
            "meaning": [(language, says[language].rule(rule)) for language in read] if rule else [],
            "secrets": _secrets(rule, request) if rule else [],
            "will": will and will | _foreseen(db, will, _typed(shown), says[agent.language], desk),
        } | choices(db, agent.language, "rule")  # fmt: skip

    frame, told = await look(request, verb)
    frame |= {"view": "rules", "errors": errors, "error_facts": facts or {}, "rule_id": rule_id} | told
    frame["unit_of"], frame["zone"] = builder.unit_of, desk.settings.timezone
    return html(request, "rules/form.html", frame["me"]["language"], status, **frame)


def _foreseen(db: Session, will: dict[str, Any], form: Form, says: Speaker, desk: Any) -> dict[str, Any]:
    """What the rule would mean once it is saved, and which tickets of the last month it would have met."""
    rule = making.draft(db, form, settings=desk.settings, now=desk.clock())
    tried = trials.trial(db, rule, now=desk.clock())
    met = ("rule_met_of_many" if tried.is_cut else "rule_met", {"count": tried.matched, "days": trials.DAYS})
    return {"says": says.rule(rule), "effects": [*will["effects"], met]}


def choices(db: Session, language: str, user: str) -> dict[str, Any]:
    """What the form of a "rule" or a "macro" offers: terms, acts, and what each may be compared with or set to."""
    offered = terms.offered(db, language=language)
    named = {what: each.called(language) for what, each in offered.fields.items()}
    return {
        "terms": list(terms.TERMS),
        "kinds": {what: terms.kind_of(what, offered.fields) for what in (*terms.TERMS, *named)},
        "operators": terms.OPERATORS, "term_choices": offered.choices, "own_fields": named,
        "acts": [code for code, each in acts.ACTS.items() if user in each.users and code != "field"],
        "act_kinds": {code: each.kind for code, each in acts.ACTS.items()}, "posted": acts.POSTED[1:],
        "act_choices": acts.choices(db, language=language, user=user),
    }  # fmt: skip


def _secrets(rule: Rule, request: HTTPConnection) -> list[tuple[str, str]]:
    """The addresses a rule posts to, and what each post is signed with."""
    found = []
    for each in rule.acts:
        if each["do"] == "post":
            try:
                secret = seals.unseal(each["value"]["secret"], settings=desk_of(request).settings)
            except Rejected:
                secret = ""
            found.append((each["value"]["url"], secret))
    return found


def _done(says: Speaker, did: dict[str, Any]) -> str:
    """One act of a run, as far as its ids tell."""
    value = {"move": did.get("to"), "assign": did.get("to"), "prioritize": did.get("to"), "tag": did.get("tag"),
             "untag": did.get("tag"), "watch": did.get("agent")}.get(did["do"])  # fmt: skip
    if did["do"] == "assign" and value is None:
        value = acts.NOBODY
    return says.done(did["do"], value)


ROUTES = (
    get("/admin/rules", page),
    both("/admin/rules/new", new),
    get("/admin/rules/runs", history),
    post("/admin/rules/runs/{run_id:id}/undo", undo),
    both("/admin/rules/{rule_id:id}", edit),
    get("/admin/rules/{rule_id:id}/trial", trial),
    post("/admin/rules/{rule_id:id}/switch", turn),
    post("/admin/rules/{rule_id:id}/move", move),
    post("/admin/rules/{rule_id:id}/delete", turn),
    post("/admin/rules/{rule_id:id}/restore", turn),
)
