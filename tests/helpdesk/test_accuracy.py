"""How right the classifier is: figures against cases counted by hand, and against counting each ticket for itself."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from helpdesk import accuracy, confirmed, queues, routing, tickets
from helpdesk.accuracy import Pile, Share
from models import Routing
from tests.answers import SLUGS, Given, at_random, write
from tests.cast import MONDAY, SATO, OpenDesk

SINCE, UNTIL = MONDAY - timedelta(days=30), MONDAY + timedelta(minutes=1)
CUTS = {("ja", slug): 0.85 for slug in SLUGS} | {("en", slug): 0.9 for slug in SLUGS} | {("ja", "returns"): 0.613}


def pile(said: str, was: str, confidence: float, count: int = 1, *, sure: bool = True, read: bool = True,
         voice: str = "routed", language: str = "ja", version: str = "v1") -> Pile:  # fmt: skip
    return Pile(language, said, was, voice, version, int(confidence * 100 + 1e-9), read, sure, count,
                confidence * count)  # fmt: skip


def tally(desk: OpenDesk, cuts: Any = None) -> list[Pile]:
    return desk.read(lambda db: accuracy.tally(db, since=SINCE, until=UNTIL, cuts=CUTS if cuts is None else cuts))


# --- arithmetic


@pytest.mark.parametrize(
    ("held", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962), (1, 1, 0.2065, 1.0), (0, 0, 0.0, 1.0)],
)
def test_the_interval_is_wilsons(held: int, of: int, low: float, high: float) -> None:
    assert Share(held, of).interval == pytest.approx((low, high), abs=5e-5)


def test_a_share_of_nothing_is_none_and_of_nineteen_too_few() -> None:
    assert Share(0, 0).value is None
    assert Share(19, 19).is_few and not Share(20, 20).is_few


PILES = [
    pile("returns", "returns", 0.95, 6),
    pile("returns", "billing", 0.92, 2),
    pile("returns", "returns", 0.70, 4, sure=False, voice="triage"),
    pile("billing", "returns", 0.60, 1, sure=False, voice="triage"),
    pile("billing", "billing", 0.99, 3, voice="beside"),
    pile("billing", "billing", 0.99, 1, sure=False, read=False, voice="triage"),
    pile("returns", "returns", 0.99, 50, language="en"),
]


def test_the_headline_counts_what_was_routed_and_what_waited() -> None:
    found = accuracy.headline(PILES)
    assert found.confirmed == 67
    assert found.stayed == Share(56, 58)
    assert found.waited == Share(6, 64)  # what an address decided was not asked


def test_precision_recall_and_coverage_of_a_queue_are_counted_at_its_threshold() -> None:
    found = accuracy.figures(PILES, "ja", "returns")
    assert found.precision == Share(6, 8)
    assert found.recall == Share(6, 11)
    assert found.coverage == Share(8, 12)
    whole = accuracy.figures(PILES, "ja")
    assert (whole.precision, whole.recall, whole.coverage) == (Share(9, 11), Share(9, 17), Share(11, 17))


def test_a_moved_threshold_changes_what_is_acted_on_and_nothing_else() -> None:
    lower = accuracy.moved(PILES, "ja", "returns", 0.70)
    assert accuracy.figures(lower, "ja", "returns").precision == Share(10, 12)
    assert accuracy.figures(lower, "ja", "billing") == accuracy.figures(PILES, "ja", "billing")
    assert accuracy.figures(lower, "en") == accuracy.figures(PILES, "en")
    assert accuracy.headline(lower) == accuracy.headline(PILES)
    higher = accuracy.moved(PILES, "ja", "", 0.93)
    assert accuracy.figures(higher, "ja").coverage == Share(9, 17)


def test_what_was_not_understood_is_acted_on_at_no_threshold() -> None:
    assert accuracy.figures(accuracy.moved(PILES, "ja", "billing", 0.0), "ja", "billing").coverage == Share(4, 5)


def test_the_curve_has_a_point_for_each_step_that_changes_something() -> None:
    points = accuracy.curve(PILES, "ja", "returns")
    assert [(p.at, p.precision, p.coverage) for p in points] == [
        (0.70, Share(10, 12), Share(12, 12)),
        (0.92, Share(6, 8), Share(8, 12)),
        (0.95, Share(6, 6), Share(6, 12)),
    ]


def test_calibration_compares_what_was_said_with_what_held() -> None:
    found = accuracy.calibration([pile("a", "a", 0.95, 3), pile("a", "b", 0.91, 1), pile("a", "b", 0.30, 4)])
    assert [(b.low, b.high, b.held) for b in found.bins] == [(0.3, 0.4, Share(0, 4)), (0.9, 1.0, Share(3, 4))]
    assert found.bins[1].said == pytest.approx(0.94)
    assert found.error == pytest.approx((0.30 * 4 + (0.94 - 0.75) * 4) / 8)
    assert accuracy.calibration([]).error is None
    assert accuracy.calibration([pile("a", "a", 1.0)]).bins[0].low == 0.9


def test_each_version_answers_for_itself() -> None:
    found = accuracy.versions([*PILES, pile("billing", "returns", 0.9, 5, version="v2")])
    assert [(each.version, each.answers, each.stayed) for each in found] == [
        ("v2", 5, Share(0, 5)),
        ("v1", 67, Share(56, 58)),
    ]


# --- against counting each ticket for itself


def brute(desk: OpenDesk) -> list[dict[str, Any]]:
    """Every confirmed answer of the period, found by looking at each ticket's whole history."""

    def verb(db: Session) -> list[dict[str, Any]]:
        slugs = {queue.id: queue.slug for queue in queues.everyone(db)}
        found = []
        for ticket in desk.tickets():
            history = routing.history(db, ticket.id or 0)
            spoken = [row for row in history if row.label]
            if not spoken or not SINCE < spoken[-1].decided_at <= UNTIL:
                continue
            last, answer = history[-1], spoken[-1]
            settled = ticket.state == "resolved" and last.reason == "by_classifier"
            if (last.reason == "by_agent" or settled) and slugs[last.queue_id] != "triage":
                found.append({"row": answer, "was": slugs[last.queue_id], "put": slugs[answer.queue_id],
                              "language": ticket.language, "unread": answer.reason == "nobody_sure"
                              and answer.confidence >= answer.threshold})  # fmt: skip
        return found

    return desk.read(verb)


def sure(each: dict[str, Any], cuts: Any) -> bool:
    row: Routing = each["row"]
    return not each["unread"] and (row.confidence or 0) >= cuts.get((each["language"], row.label), 9)


def test_every_figure_equals_what_counting_each_ticket_gives(desk: OpenDesk) -> None:
    desk.write(write, at_random(1, 300))
    piles, every = tally(desk), brute(desk)
    assert sum(each.count for each in piles) == len(every) > 100

    routed = [e for e in every if e["row"].reason == "by_classifier" and e["put"] == e["row"].label]
    waited = [e for e in every if e["row"].reason == "nobody_sure"]
    head = accuracy.headline(piles)
    assert head.stayed == Share(sum(e["row"].label == e["was"] for e in routed), len(routed))
    assert head.waited == Share(len(waited), len(routed) + len(waited))
    assert accuracy.confusion(piles) == Counter((e["row"].label, e["was"]) for e in every)

    for language in ("ja", "en"):
        for slug in ("", *SLUGS):
            here = [e for e in every if e["language"] == language]
            said = [e for e in here if slug in ("", e["row"].label)]
            belongs = [e for e in here if slug in ("", e["was"])]
            dared = [e for e in said if sure(e, CUTS)]
            found = accuracy.figures(piles, language, slug)
            assert found.precision == Share(sum(e["row"].label == e["was"] for e in dared), len(dared))
            assert found.coverage == Share(len(dared), len(said))
            assert found.recall == Share(
                sum(sure(e, CUTS) and e["row"].label == e["was"] for e in belongs), len(belongs)
            )
        bins = Counter(min(int(e["row"].confidence * 10 + 1e-9), 9) for e in every if e["language"] == language)
        assert {round(b.low * 10): b.held.of for b in accuracy.calibration(piles, language).bins} == dict(bins)


@pytest.mark.parametrize("slug", ["", "returns"])
def test_a_preview_is_what_the_figures_are_once_it_is_saved(desk: OpenDesk, slug: str) -> None:
    desk.write(write, at_random(3, 200))
    piles = tally(desk)
    for hundredths in range(0, 101, 10):
        at = hundredths / 100
        saved = CUTS | {("ja", each): at for each in SLUGS if slug in ("", each)}
        then = accuracy.preview(piles, "ja", slug, at).then
        assert then == accuracy.figures(tally(desk, saved), "ja", slug)
        point = next((p for p in accuracy.curve(piles, "ja", slug) if p.at >= at), None)
        assert point is None or (point.precision, point.coverage) == (then.precision, then.coverage)


# --- what is confirmed


def confirmed_tickets(desk: OpenDesk) -> set[int]:
    def verb(db: Session) -> set[int]:
        return {each.ticket_id for said in SLUGS for was in SLUGS
                for each in confirmed.answers(db, since=SINCE, until=UNTIL, said=said, was=was).rows}  # fmt: skip

    return desk.read(verb)


def test_an_answer_counts_once_an_agent_or_the_end_of_the_matter_confirms_it(desk: OpenDesk) -> None:
    right = Given("returns", "", 0.95)
    (resolved, moved, kept, triaged, open_) = desk.write(write, [right] * 5)
    old = desk.write(write, [Given("returns", "returns", 0.95, at=MONDAY - timedelta(days=31))])
    assert confirmed_tickets(desk) == set()

    def work(db: Session) -> None:
        sato = desk.agent(SATO)
        by_id = {ticket.id: db.merge(ticket) for ticket in desk.tickets()}
        queue = {each.slug: each for each in queues.everyone(db)}
        tickets.resolve(db, by_id[resolved], by=sato, now=MONDAY)
        for ticket_id, slug in ((moved, "billing"), (kept, "returns"), (triaged, "triage")):
            routing.move(db, by_id[ticket_id], queue[slug], by=sato, now=MONDAY)

    desk.write(work)
    assert confirmed_tickets(desk) == {resolved, moved, kept}
    assert {open_, *old} & confirmed_tickets(desk) == set()
    assert accuracy.headline(tally(desk)).stayed == Share(2, 3)


def test_an_opinion_kept_beside_an_older_decision_was_not_acted_on(desk: OpenDesk) -> None:
    (ticket_id,) = desk.write(write, [Given("returns", "", 0.95)])

    def note(db: Session) -> None:
        db.add(Routing(ticket_id=ticket_id, queue_id=desk.queue("returns").id or 0, reason="by_classifier",
                       label="billing", confidence=0.97, threshold=0.85, version="v1", decided_at=MONDAY))  # fmt: skip
        tickets.resolve(db, db.merge(desk.tickets()[0]), by=desk.agent(SATO), now=MONDAY)

    desk.write(note)
    (only,) = tally(desk)
    assert (only.said, only.was, only.voice) == ("billing", "returns", "beside")
    assert accuracy.headline([only]).stayed == Share(0, 0)
    assert desk.read(lambda db: confirmed.misroutes(db, since=SINCE, until=UNTIL, language="ja")) == []


def test_the_list_of_a_cell_can_be_walked_to_its_end_and_back(desk: OpenDesk) -> None:
    many = [Given("returns", "billing", 0.9, at=MONDAY - timedelta(hours=n // 3)) for n in range(123)]
    made = desk.write(write, [*many, Given("billing", "billing", 0.9)])

    def page(**place: Any) -> confirmed.Answers:
        return desk.read(lambda db: confirmed.answers(db, since=SINCE, until=UNTIL, said="returns", was="billing",
                                                      **place))  # fmt: skip

    pages = [page()]
    while pages[-1].older:
        pages.append(page(older_than=pages[-1].older))
    assert [len(each.rows) for each in pages] == [50, 50, 23] and pages[0].newer is None
    assert {each.ticket_id for one in pages for each in one.rows} == set(made[:-1])
    times = [(each.decided_at, each.key) for one in pages for each in one.rows]
    assert times == sorted(times, reverse=True)
    back = page(newer_than=pages[2].newer)
    assert back.rows == pages[1].rows and page(newer_than=back.newer).rows == pages[0].rows
    assert page(newer_than=pages[1].newer).newer is None


# --- misroutes


def test_the_last_misroutes_show_the_words_that_decided_where_they_stand(desk: OpenDesk) -> None:
    desk.write(write, [
        Given("returns", "billing", 0.9, at=MONDAY - timedelta(hours=2)),
        Given("returns", "returns", 0.9),
        Given("returns", "billing", 0.5, reason="nobody_sure"),
        Given("shipping", "general", 0.99, at=MONDAY - timedelta(hours=1)),
    ])  # fmt: skip
    found = desk.read(lambda db: confirmed.misroutes(db, since=SINCE, until=UNTIL, language="ja"))
    assert [(each.answer.said, each.answer.was) for each in found] == [("shipping", "general"), ("returns", "billing")]
    assert [found[0].text[start:end] for start, end in found[0].marks] == ["電源"]
    assert found[0].subject_words == ["件"] and found[0].moved_by == SATO.name
    assert len(desk.read(lambda db: confirmed.misroutes(db, since=SINCE, until=UNTIL, language="ja", limit=1))) == 1


@pytest.mark.parametrize("start", [0, 5, 500, 990])
def test_an_excerpt_keeps_its_marks_on_their_words(start: int) -> None:
    text = "".join(chr(0x4E00 + n) for n in range(1000))
    shown, marks = confirmed.excerpt(text, [(start, start + 9)], length=100)
    assert [shown[a:b] for a, b in marks] == [text[start : start + 9]]
    assert len(shown.strip("…")) == 100
    assert confirmed.excerpt("短い", [], length=100) == ("短い", [])
