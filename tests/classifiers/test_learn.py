"""Learning again: from which examples, and when the new model may speak."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from classifiers import Example, corpus_rows, learn, model, registry, ship
from classifiers.learn import Order, Own
from classifiers.registry import Registry
from tests import school
from tests.school import PEDALS

QUEUES = ("billing", "general", "returns", "shipping", "tech_support")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Path:
    return school.few_texts(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="session")
def order(corpus, tmp_path_factory) -> Order:
    versions = Registry(tmp_path_factory.mktemp("models"))
    present, card = versions.files(versions.save(school.first_model(corpus)))
    return Order(made_at="2026-11-16T01:00:00+00:00", labels=QUEUES, lists={}, model=str(present), card=str(card),
                 corpus=str(corpus), niceness=0)  # fmt: skip


def own(text: str, label: str, *, at: int = 0, language: str = "ja", source: str = "agent") -> Own:
    return Own(Example(text, label, language, source=source), f"2026-11-{1 + at // 24:02}T{at % 24:02}:00:00+00:00")


def changed(order: Order, **what) -> Order:
    return Order(**{**asdict(order), **what})


@pytest.mark.parametrize(
    ("losses", "gains", "count", "worse"),
    [
        (0, 0, 500, False),
        (1, 0, 2, False),  # two examples say nothing
        (3, 0, 5, False),
        (4, 0, 5, True),
        (5, 0, 500, False),  # a hundredth is the margin
        (6, 0, 500, True),
        (20, 14, 500, False),  # a coin does that
        (30, 14, 500, True),
        (14, 30, 500, False),
    ],
)
def test_worse_means_more_than_the_margin_and_more_than_chance(losses, gains, count, worse):
    assert learn.is_worse(losses, gains, count) is worse


def test_the_sign_test_is_the_tail_of_a_coin():
    assert learn.sign_test(0, 0) == 1
    assert learn.sign_test(3, 0) == pytest.approx(1 / 8)
    assert learn.sign_test(2, 1) == pytest.approx(1 / 2)


def test_what_agents_teach_is_known_afterwards_and_the_rest_is_not_forgotten(order):
    report, fit = learn.learn(order, [own(text, "billing", at=place) for place, text in enumerate(PEDALS[:10])])
    assert fit is not None and report.promote and report.reason == "not_worse"
    assert fit.router.predict(PEDALS[11]).label == "billing"
    assert report.figures["own"]["ja"]["count"] == 2 and report.figures["own"]["ja"]["better"] >= 1
    test = report.figures["test"]["ja"]  # so few texts that one more or less is within chance
    assert test["right"] >= test["right_before"] - max(learn.MARGIN, 1.01 / test["count"])
    assert fit.card["learned_until"] == "2026-11-01T09:00:00+00:00" and fit.card["own"]["own_count"] == 10


def test_of_many_examples_the_very_model_that_was_judged_is_made_and_learns_the_newest_next_time(order, monkeypatch):
    monkeypatch.setattr(model, "MANY", 20)
    taught = [own(text, "billing", at=place) for place, text in enumerate(PEDALS[:10])]
    report, fit = learn.learn(order, taught)
    assert fit is not None and report.figures["held_out"] == 2
    assert fit.card["learned_until"] == taught[7].at < taught[8].at


@pytest.mark.slow
def test_everything_moved_to_one_queue_makes_a_candidate_at_most(order):
    texts = [example for example in ship.seeds("train") if example.label != "general"][::9]
    batch = [own(each.text, "general", at=place, language=each.language) for place, each in enumerate(texts)]
    report, fit = learn.learn(order, batch)
    assert fit is not None and not report.promote and report.reason == "worse_on_test"
    assert set(report.figures["worse"]) <= {"test:ja", "test:en"}


def test_a_model_worse_on_the_newest_of_the_desks_own_stays_a_candidate(order, corpus):
    """The present model is right about all of them; what was taught before them is nonsense."""
    present = registry.load(Path(order.model), Path(order.card))
    texts = [each for each in ship.seeds("train", folder=corpus) if each.language == "ja"]
    asked = [each for each in texts if present.predict(each.text).label == each.label][:30]
    nonsense = [own(f"{e.text}{ending}", "general" if e.label != "general" else "billing")
                for ending in ("ですか", "ですね", "ですよ", "でした") for e in asked]  # fmt: skip
    newest = [own(f"{e.text}。", e.label, at=10 + number) for number, e in enumerate(asked)]
    report, _ = learn.learn(order, nonsense + newest)
    assert not report.promote and report.reason == "worse_on_own" and "own:ja" in report.figures["worse"]


@pytest.mark.parametrize(
    ("labels", "examples", "reason"),
    [
        (QUEUES, [], "no_examples"),
        (QUEUES, [own(text, "billing") for text in ("", "!!!", "・・・", "12345", "\u200b", ">>>")], "nothing_usable"),
        (QUEUES, [own(text, "gone") for text in PEDALS], "nothing_usable"),
        (("billing",), [own(text, "billing") for text in PEDALS], "one_label"),
        ((), [own(text, "billing") for text in PEDALS], "one_label"),
    ],
)
def test_what_cannot_teach_makes_no_model_and_says_why(order, labels, examples, reason):
    report, fit = learn.learn(changed(order, labels=labels), examples)
    assert fit is None and not report.promote and report.reason == reason


def test_eight_examples_make_a_new_queue_a_label_and_seven_do_not(order):
    wider = changed(order, labels=(*QUEUES, "bicycles", "kitchens"), lists={"bicycles": ["ペダル"]})
    few = [own(f"鍋の{wish}をしたい", "kitchens") for wish in "買い方,磨き方,返し方,使い方,選び方,蓋,柄".split(",")]
    report, fit = learn.learn(wider, [*few, *(own(text, "bicycles", at=n) for n, text in enumerate(PEDALS[:8]))])
    assert fit is not None
    assert report.figures["labels"] == {"new": ["bicycles"], "gone": []}
    assert report.figures["left_out"]["too_few"] == {"kitchens": 7}
    assert fit.router.predict(PEDALS[9]).label == "bicycles"
    assert dict(fit.router.weights.keywords)["bicycles"] == ("ペダル",)


def test_a_queue_that_is_gone_is_forgotten(order):
    report, fit = learn.learn(changed(order, labels=QUEUES[1:]), [])
    assert fit is not None and "billing" not in fit.router.labels and report.figures["labels"]["gone"] == ["billing"]


def test_each_text_teaches_once_with_its_newest_label():
    usable, figures, _ = learn._usable(
        [own("自転車の件です", "returns", at=1), own("別の話です", "returns", at=2),
         own("自転車の件です", "billing", at=3), own("ｼﾞﾃﾝｼｬ", "returns", at=4), own("ジテンシャ", "billing", at=5)],
        [Example("", label, "ja") for label in QUEUES], set(QUEUES),
    )  # fmt: skip
    assert [(each.example.text, each.example.label) for each in usable] == [
        ("別の話です", "returns"), ("自転車の件です", "billing"), ("ジテンシャ", "billing")]  # fmt: skip
    assert figures["left_out"]["repeated"] == 2


def test_the_newest_fifth_judges_but_nothing_the_present_model_has_learned():
    usable = [own(str(number), "billing", at=number) for number in range(20)]
    older, newest = learn._split(usable, "")
    assert [len(older), len(newest)] == [16, 4] and newest == usable[16:]
    older, newest = learn._split(usable, usable[17].at)
    assert newest == usable[18:] and len(older) == 18
    assert learn._split(usable, usable[19].at) == (usable, [])
    many = [own(str(number), "billing", at=number) for number in range(600)] * 10
    assert len(learn._split(many, "")[1]) == learn.MOST_HELD_OUT


def test_a_twin_has_the_thresholds_of_its_model_and_has_not_seen_the_rest(some_examples, small_fit):
    twin = model.twin(small_fit, len(some_examples) - 20, some_examples)
    assert twin.cuts == small_fit.router.cuts and twin.labels == small_fit.router.labels
    same = model.twin(small_fit, len(some_examples), some_examples)
    text = some_examples[-1].text
    assert same.predict(text).probabilities == pytest.approx(small_fit.router.predict(text).probabilities, abs=1e-6)
    assert twin.predict(text).probabilities != same.predict(text).probabilities
    with pytest.raises(ValueError, match="two or more"):
        model.twin(small_fit, 1, some_examples)


def start(folder: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "classifiers.learn", str(folder)], stdin=subprocess.PIPE,
                            stderr=subprocess.PIPE)  # fmt: skip


def lines(order: Order, texts: list[str]) -> bytes:
    rows = [{"text": text, "subject": "", "label": "billing", "language": "ja", "source": "agent", "at": f"{n:03}"}
            for n, text in enumerate(texts)]  # fmt: skip
    return "\n".join(json.dumps(each) for each in [asdict(order), *rows]).encode() + b"\n\n"


@pytest.mark.slow
def test_the_process_writes_the_model_its_card_and_a_report(order, tmp_path):
    process = start(tmp_path)
    process.stdin.write(lines(order, PEDALS[:10]))
    process.stdin.flush()
    assert process.wait(120) == 0, process.stderr.read()
    process.stdin.close()
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["promote"] and report["figures"]["own_by_label"] == {"billing": 10}
    router = registry.load(tmp_path / "router.npz", tmp_path / "router.json")
    assert router.predict(PEDALS[11]).label == "billing"


def test_the_process_ends_when_nobody_waits_for_it_any_more(order, tmp_path):
    process = start(tmp_path)
    process.stdin.write(lines(order, PEDALS[:10]))
    process.stdin.close()
    assert process.wait(60) == 3
    assert list(tmp_path.iterdir()) == []


def test_the_shipped_texts_are_where_an_installed_desk_finds_them():
    assert corpus_rows.CORPUS.parent == Path(learn.__file__).parent and len(ship.seeds("test")) > 700
