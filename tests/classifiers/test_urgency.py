"""What cannot wait: found more often than missed, with its reasons in the customer's words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers import registry, ship, urgency


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("至急お願いします。今日中に届かないと法事に間に合いません。", "deadline"),
        ("充電器から煙が出て焦げくさいです。すぐに返事をください。至急です。", "safety"),
        ("レジが動かず店が開けられません。お客様を待たせています。至急対応してください。", "business_stopped"),
        ("URGENT: we need the parts today, the line is down and customers are waiting.", "business_stopped"),
        ("The heater is smoking and there is a smell of gas, please send someone right now.", "safety"),
        ("I need it by noon tomorrow for a funeral, please hurry.", "deadline"),
        ("会場の前にいます。開演は18時30分です。チケットが表示されません。すぐに返事をください。", "deadline"),
        ("There is a hissing from the heater and I can smell it. Which valve do I turn?", "safety"),
    ],
)
def test_what_cannot_wait_is_urgent_and_says_why(text, reason):
    found = urgency.of(text)
    assert found.urgent and reason in found.reasons
    assert found.because and all(text[each.start : each.end] == each.words for each in found.because if each.start >= 0)


@pytest.mark.parametrize(
    "text",
    [
        "領収書の宛名を会社名に変えてください。急ぎませんのでよろしくお願いします。",
        "この財布の緑はいつ再入荷しますか。",
        "Could you send me a copy of the invoice when you can? No rush at all.",
        "Do you sell gift cards?",
        "件名の「至急」は社内の決まりです。急ぎではありませんので、来月までにお願いします。",
        'The button says "EMERGENCY", what is it for? Nothing has happened, I am only curious.',
        "",
        "  \n",
    ],
)
def test_what_can_wait_is_not_urgent(text):
    found = urgency.of(text)
    assert not found.urgent and found.reasons == () and found.because == ()


def test_most_of_what_is_urgent_is_found_in_rows_not_learned_from():
    rows = ship.urgency_examples("test")
    verdicts = [(row.label == "urgent", urgency.of(row.text, subject=row.subject).urgent) for row in rows]
    found = sum(truth and said for truth, said in verdicts)
    assert found / sum(truth for truth, _ in verdicts) >= 0.75
    assert found / sum(said for _, said in verdicts) >= 0.5


def test_where_little_is_urgent_most_alarms_are_still_true():
    rows = ship.urgency_examples("train", "test", calm=True)
    for language in ("ja", "en"):
        told = [(row.label == "urgent", urgency.of(row.text, subject=row.subject).urgent) for row in rows
                if row.language == language]  # fmt: skip
        found = sum(truth and said for truth, said in told)
        assert found / sum(truth for truth, _ in told) >= 0.85 and found / sum(said for _, said in told) >= 0.6


def test_the_card_tells_recall_and_precision_on_authors_never_met():
    figures = registry.read_card(registry.SHIPPED / "urgency.json")["unseen_authors"]
    for language in ("ja", "en"):
        assert figures[language]["recall"] >= urgency.RECALL[language] - 0.02 and figures[language]["precision"] >= 0.6


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=300), st.text(max_size=60))
def test_any_text_at_all_gets_a_verdict(text, subject):
    found = urgency.of(text, subject=subject)
    assert 0 <= found.confidence <= 1 and set(found.reasons) <= set(urgency.CODES)
    for reason in found.because:
        in_text = reason.start >= 0 and text[reason.start : reason.end] == reason.words
        assert in_text or (reason.start == -1 and reason.words in subject)
