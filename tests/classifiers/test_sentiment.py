"""Feelings: told from the customer's words, neutral where none show."""

import pytest

from classifiers import endings, keywords, registry, sentiment, ship


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("対応が丁寧で、とても助かりました。ありがとうございました。", "positive"),
        ("電話がつながらず一時間も待たされた。最悪です。もう二度と使いません。", "negative"),
        ("領収書の宛名を会社名に変えて再発行してください。", "neutral"),
        ("プリンターがWi-Fiにつながりません。設定の手順を教えてください。", "neutral"),
        ("Brilliant service, the lady was so kind and patient. Thank you so much!", "positive"),
        ("Terrible service, rude staff, I am furious and will never buy from you again.", "negative"),
        ("Could you tell me which filter fits the S-12?", "neutral"),
    ],
)
def test_a_plain_feeling_is_recognized(text, label):
    assert sentiment.of(text).label == label


def test_feelings_come_with_their_words_and_all_three_probabilities():
    text = "説明がひどくて、とてもがっかりしました。"
    found = sentiment.of(text)
    assert found.label == "negative" and sum(found.probabilities.values()) == pytest.approx(1)
    assert set(found.probabilities) == set(sentiment.LABELS)
    assert found.because and all(text[each.start : each.end] == each.words for each in found.because)


def test_a_text_with_nothing_to_read_is_neutral_and_unsure():
    found = sentiment.of(" \n")
    assert found.label == "neutral" and found.confidence < 0.5 and found.because == ()


def test_a_comment_weighs_more_than_an_inquiry():
    inquiry, comment = (sentiment.example("text", "positive", language="en", comment=each) for each in (False, True))
    assert comment.weight == inquiry.weight * sentiment.COMMENT > inquiry.weight


def test_an_unknown_feeling_is_no_example():
    with pytest.raises(ValueError, match="sentiment 'glad'"):
        sentiment.example("text", "glad", language="en")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("説明がわかりやすく、対応も丁寧でした。", "positive"),
        ("待たされたうえに態度が横柄で、がっかりです。", "negative"),
        ("可もなく不可もなく、普通です。", "neutral"),
        ("Lovely people, quick and helpful.", "positive"),
        ("Rude staff and a useless app.", "negative"),
        ("It was okay, nothing special.", "neutral"),
    ],
)
def test_a_comment_is_read_by_both_models(text, label):
    found = sentiment.of(text, comment=True)
    whole, alone = (each.predict(text).probabilities for each in (sentiment.shipped(), sentiment.shipped_of_comments()))
    assert found.label == label and found.confidence == max(found.probabilities.values())
    for name, said in found.probabilities.items():
        assert said == pytest.approx(0.3 * whole[name] + 0.7 * alone[name])
    assert found.version == f"{sentiment.shipped().version}+{sentiment.shipped_of_comments().version}"
    assert all(text[each.start : each.end] == each.words for each in found.because)


@pytest.mark.parametrize(
    ("label", "texts"),
    [
        (
            "positive",
            "丁寧な応対でした。/感じの良い対応でした。/感じのよい応対でした。/良かった/親切な方でした。/落ち着いた話し方でした。/言葉づかいのきれいな人/"
            "説明が的確でした。/電話がすぐつながってよかったです/梱包がていねいでした。/値段が安かった/使い勝手がよい/サイトが見やすかったです/"
            "Polite staff/Nice and quick.",
        ),
        (
            "negative",
            "つながるまで長かった。/事務的な対応でした。/丁寧さがなかった/親切ではない/感じの悪い人だった。/良くない/配達が遅かったです/説明が不十分でした。/"
            "使いにくいと感じた/値段が高いです。/梱包がていねいではなかった/"
            "Not kind at all/Slow to answer./Delivery was slow",
        ),
        ("neutral", "普通の対応/まあまあの応対でした。/価格はふつうです/Average, I suppose."),
    ],
)
def test_short_and_plain_comments_are_read_as_what_they_plainly_say(label, texts):
    read = {text: sentiment.of(text, comment=True).label for text in texts.split("/")}
    assert read == dict.fromkeys(read, label)


@pytest.mark.parametrize(
    ("text", "language", "last"),
    [
        ("窓口の方は親切でした。でも、まだ直っていません。", "ja", "でも、まだ直っていません。"),
        ("早い！安い！うまい！", "ja", "うまい！"),
        ("ﾊﾔｲ｡ｱﾘｶﾞﾄｳ｡", "ja", "ｱﾘｶﾞﾄｳ｡"),
        ("一行目\n二行目です\n", "ja", "二行目です"),
        ("最初は不安でしたが、安心しました。笑", "ja", ""),
        ("一文だけです。", "ja", ""),
        ("", "ja", ""),
        ("The clerk was kind. It still does not work.", "en", ""),
    ],
)
def test_the_last_of_several_japanese_sentences_is_read_by_itself(text, language, last):
    assert endings.of(text, language=language) == last


def test_what_a_comment_ends_with_counts_beside_the_whole():
    text = "窓口の方はとても親切でした。でも、結局何も解決せず残念です。"
    found, model = sentiment.of(text, comment=True), sentiment.shipped_of_comments()
    whole, alone, ended = (
        each.probabilities
        for each in (sentiment.shipped().predict(text), model.predict(text), model.predict(text.split("。")[1] + "。"))
    )
    assert found.label == "negative" and ended["negative"] > alone["negative"]
    for name, said in found.probabilities.items():
        assert said == pytest.approx(0.3 * whole[name] + 0.7 * (0.7 * alone[name] + 0.3 * ended[name]))
    assert all(text[each.start : each.end] == each.words for each in found.because)


def test_words_that_deny_a_feeling_stand_in_lists_of_their_own():
    lists = keywords.read(sentiment.LISTS)
    assert {"positive", "negative", "denied", "spared", "even", "but"} == set(lists)
    found = sentiment.shipped_of_comments().read("No fuss at all, but I would not recommend it.", subject="").keywords
    assert [each.queue for each in sorted(found, key=lambda each: each.start)][:2] == ["spared", "but"]
    assert "denied" in {each.queue for each in found}


@pytest.mark.parametrize(
    ("card", "kind", "poles", "macro_f1"),
    [
        ("sentiment", "ja/inquiries", 0.88, 0.68),
        ("sentiment", "en/inquiries", 0.89, 0.66),
        ("sentiment", "ja/natural inquiries", 0.88, 0.66),
        ("sentiment", "en/natural inquiries", 0.92, 0.72),
        ("comments", "ja/comments", 0.84, 0.75),
        ("comments", "en/comments", 0.81, 0.73),
        ("comments", "ja/natural comments", 0.87, 0.78),
        ("comments", "en/natural comments", 0.82, 0.77),
    ],
)
def test_the_cards_tell_how_well_feelings_are_told_apart(card, kind, poles, macro_f1):
    figures = registry.read_card(registry.SHIPPED / f"{card}.json")["unseen"][kind]
    assert figures["poles"] >= poles and figures["macro_f1"] >= macro_f1


def test_asking_the_model_of_comments_pays_on_hands_it_never_met():
    for language in ("ja", "en"):
        alone, both = (
            registry.read_card(registry.SHIPPED / f"{card}.json")["unseen"][f"{language}/comments"]
            for card in ("sentiment", "comments")
        )
        assert both["macro_f1"] > alone["macro_f1"] + 0.02 and both["count"] == alone["count"]


def test_rows_learned_from_and_rows_graded_share_no_situation():
    learned, graded = ({e.situation for e in ship.sentiment_examples(split)} for split in ("train", "test"))
    assert learned and graded and not learned & graded


def test_of_comments_plainly_told_only_the_model_of_comments_learns():
    learned = {
        card: registry.read_card(registry.SHIPPED / f"{card}.json")["examples"] for card in ("sentiment", "comments")
    }
    examples, among = ship.sentiment_examples("train"), ship.comments_among("train")
    plain = among & [example.author in ship.PLAIN for example in examples]
    assert learned["comments"]["count"] == among.sum() and sum(plain) > 1_000
    assert learned["sentiment"]["count"] == len(examples) - sum(plain)
