"""What changes: weeks and words, each held against an independent count or the textbook's own test."""

import random
from datetime import timedelta

import pytest
from scipy import stats

from classifiers import registry
from classifiers.words import Words
from helpdesk import drift
from tests.answers import Given, write
from tests.cast import MONDAY, OpenDesk


def texts(language: str, **held: int) -> list[Words]:
    """Two hundred texts, of which so many hold each word."""
    return [Words(language, {word: word for word, many in held.items() if n < many}) for n in range(200)]


@pytest.mark.parametrize(("count", "of", "share"), [(0, 12, 0.25), (9, 12, 0.25), (3, 12, 0.25), (40, 400, 1 / 13)])
def test_the_surprise_of_a_week_is_the_exact_binomial_tail_doubled(count: int, of: int, share: float) -> None:
    tail = stats.binom.cdf(count, of, share) if count <= of * share else stats.binom.sf(count - 1, of, share)
    assert drift.surprise(count, of, share) == pytest.approx(min(1.0, 2 * tail), rel=1e-9)
    assert drift.surprise(0, 0, 0.25) == 1.0


@pytest.mark.parametrize(("before", "now"), [((10, 100), (25, 100)), ((0, 150), (9, 300)), ((40, 200), (20, 100))])
def test_the_test_of_a_word_is_the_likelihood_ratio_test(before: tuple[int, int], now: tuple[int, int]) -> None:
    table = [[held, of - held] for held, of in (before, now)]
    expected = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").pvalue
    assert drift.p_of(*before, *now) == pytest.approx(expected, rel=1e-6)


def test_words_that_rise_and_fall_are_told_from_chance() -> None:
    noise = {f"word{n}": 50 + n % 7 for n in range(40)}
    calm = {f"word{n}": 50 + (n * 3) % 7 for n in range(40)}
    found = drift.compare("ja", texts("ja", 返品=60, 電源=20, **noise), texts("ja", 返品=20, 電源=70, 稀=4, **calm))
    assert [change.word for change in found.rising] == ["電源"]
    assert [change.word for change in found.falling] == ["返品"]
    assert found.tested == 42  # 稀 stands in fewer than five texts


@pytest.mark.parametrize("seed", range(5))
def test_the_words_shown_are_those_benjamini_and_hochberg_let_pass(seed: int) -> None:
    chance = random.Random(seed)
    ps = [chance.random() * chance.choice([1, 1, 0.05, 0.005]) for _ in range(80)]
    none = drift.Share(0, 1)
    shown = drift.surest([drift.Change(f"word{n}", none, none, p) for n, p in enumerate(ps)])
    adjusted = stats.false_discovery_control(ps)
    assert {change.word for change in shown} == {f"word{n}" for n, p in enumerate(adjusted) if p <= drift.FALSE_SHARE}
    assert 0 < len(shown) < sum(p <= drift.FALSE_SHARE for p in ps)
    assert [change.p for change in shown] == sorted(change.p for change in shown)


def test_of_too_few_texts_nothing_is_said() -> None:
    found = drift.compare("en", texts("en", refund=0)[:99], texts("en", refund=200))
    assert not found.is_enough and not found.rising and found.tested == 0


def test_weeks_count_each_ticket_once_when_it_came_in_the_queue_it_is_in(desk: OpenDesk) -> None:
    day = timedelta(days=1)
    desk.write(write, [
        *(Given("returns", "billing", 0.9, at=MONDAY - n * day) for n in (0, 1, 6.9)),
        Given("returns", "returns", 0.9, at=MONDAY - 7 * day),
        Given("returns", "", 0.5, reason="nobody_sure", at=MONDAY - 15 * day),
        Given("shipping", "shipping", 0.9, at=MONDAY - 60 * day),
    ])  # fmt: skip
    weeks = desk.read(lambda db: {each.slug: each.weeks for each in drift.volumes(db, weeks=4, until=MONDAY)})
    assert weeks["billing"] == [0, 0, 3]  # what was before the first ticket of these weeks is no usual week
    assert weeks["returns"] == [0, 1, 0]
    assert weeks["triage"] == [1, 0, 0]
    assert weeks["shipping"] == [0, 0, 0]


def test_an_unusual_week_is_pointed_out_and_a_usual_one_is_not(desk: OpenDesk) -> None:
    steady = [Given("billing", "billing", 0.9, at=MONDAY - timedelta(days=7 * week + day))
              for week in range(5) for day in range(4)]  # fmt: skip
    flood = [Given("shipping", "shipping", 0.9, at=MONDAY - timedelta(hours=n)) for n in range(20)]
    desk.write(write, [*steady, *flood, Given("shipping", "shipping", 0.9, at=MONDAY - timedelta(days=20))])
    found = desk.read(lambda db: {each.slug: each for each in drift.volumes(db, weeks=5, until=MONDAY)})
    assert found["shipping"].is_unusual and not found["billing"].is_unusual
    assert found["billing"].usual == 4


def test_the_words_of_the_mails_of_two_periods_are_compared(desk: OpenDesk) -> None:
    now, before = "領収書を送ってください。", "掃除機の電源が入りません。"
    desk.write(write, [
        *(Given("billing", "billing", 0.9, text=now, subject="", at=MONDAY - timedelta(hours=n)) for n in range(100)),
        *(Given("billing", "billing", 0.9, text=before, subject="", at=MONDAY - timedelta(days=8, hours=n))
          for n in range(100)),
    ])  # fmt: skip
    vectors = registry.shipped().vectors
    found = desk.read(lambda db: drift.words(db, since=MONDAY - timedelta(days=7), until=MONDAY, vectors=vectors))
    japanese = next(each for each in found if each.language == "ja")
    assert (japanese.before, japanese.now) == (100, 100)
    assert "領収書" in [change.word for change in japanese.rising]
    assert "電源" in [change.word for change in japanese.falling]


def test_a_long_period_is_read_by_an_even_sample(desk: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "SAMPLE", 50)
    desk.write(write, [Given("billing", "billing", 0.9, at=MONDAY - timedelta(minutes=n)) for n in range(160)])
    vectors = registry.shipped().vectors
    found = desk.read(lambda db: drift.words(db, since=MONDAY - timedelta(days=7), until=MONDAY, vectors=vectors))
    assert [each.now for each in found] == [40, 0]
