"""Likeness of inquiries: what a text is known by, how sure it is, which words say so, and how often it finds."""

import hashlib

import pytest

from classifiers import cases, corpus_rows, pairs

VACUUM = "コードレス掃除機を一晩充電しても、ランプが緑にならず、すぐ止まってしまいます。型番はVC-9です。"
VACUUM_TOO = "お世話になっております。VC9の充電ができません。充電台に置いてもランプがつかず、数秒で止まります。"
RECEIPT = "領収書の宛名を会社名に変えて再発行していただけますか。"
NOTHING = ("", " ", "。", "。。。", "12345", "😀😀", "\x00", "a", "<br>", "?" * 5000)


@pytest.fixture(scope="module")
def made() -> cases.Cases:
    return cases.shipped()


def sureness(made: cases.Cases, one: str, other: str) -> float:
    there = made.gist(other)
    return float(made.confidence(made.gist(one), [cases.packed(there.keys)], [there.meaning])[0])


def words_of(gist: cases.Gist) -> list[str]:
    return [term.words for term in gist.terms]


def test_two_tellings_of_one_problem_are_liker_than_two_problems(made):
    assert sureness(made, VACUUM, VACUUM_TOO) > 0.5 > 0.1 > sureness(made, VACUUM, RECEIPT)
    in_english = "The battery of my cordless vacuum does not charge", "vacuum won't charge, battery flat"
    assert sureness(made, *in_english) > 0.5 > 0.1 > sureness(made, in_english[0], "May I have a receipt by post?")


def test_likeness_is_a_probability_and_a_text_is_like_itself(made):
    for text in (VACUUM, VACUUM_TOO, RECEIPT, "my kettle leaks at the base"):
        assert 0.8 < sureness(made, text, text) <= 1


def test_a_model_number_is_one_however_it_is_spelled(made):
    spelled = [made.gist(f"{code}が止まります") for code in ("VC-9", "vc9", "ＶＣ－９".replace("－", "-"), "Vc-9")]
    assert len({gist.terms[0].key for gist in spelled}) == 1
    assert all(gist.terms[0].words.lower().startswith(("vc", "ｖｃ")) for gist in spelled)


def test_wi_fi_is_one_word_however_it_is_spelled(made):
    spelled = [made.gist(f"{word}につながりません") for word in ("Wi-Fi", "WiFi", "ＷｉＦｉ", "wifi")]
    assert len({frozenset(term.key for term in gist.terms) for gist in spelled}) == 1
    assert "Wi-Fi" in words_of(spelled[0])


def test_an_order_number_an_address_and_a_quoted_mail_are_no_words(made):
    text = "返品したいです。注文番号 HY261113-1371、vc-9@example.com まで。\n\n> AP-40を買いました\n> RC-55も"
    assert not {"HY261113-1371", "vc-9", "AP-40", "RC-55", "HY"} & set(words_of(made.gist(text)))


def test_terms_stand_where_they_say_rarest_first(made):
    gist = made.gist(VACUUM, subject="掃除機の件")
    for term in gist.terms:
        assert term.start == -1 or VACUUM[term.start : term.end] == term.words
    rarities = [term.rarity for term in gist.terms]
    assert rarities == sorted(rarities, reverse=True) and gist.terms[0].words == "VC-9"


@pytest.mark.parametrize("text", NOTHING, ids=range(len(NOTHING)))
def test_a_text_with_nothing_to_read_is_like_none(made, text):
    gist = made.gist(text)
    assert gist.meaning == b"" and not gist.places
    assert sureness(made, text, VACUUM) < 0.1 and sureness(made, VACUUM, text) < 0.1


def test_the_longest_text_has_no_more_keys_than_any(made):
    gist = made.gist((VACUUM + RECEIPT) * 400)
    assert len(gist.keys) == len(set(gist.keys)) <= cases.WORDS_KEPT + 10
    assert all(0 < key < 1 << 63 for key in gist.keys)


def test_keys_come_back_from_their_bytes(made):
    keys = made.gist(VACUUM).keys
    assert cases.unpacked(cases.packed(keys)) == keys and len(cases.packed(keys)) == 8 * len(keys)


def test_what_stands_in_most_cases_is_not_looked_for_and_what_is_rare_tells_most(made):
    gist = made.gist(VACUUM)
    rare, common = gist.terms[0].key, gist.terms[1].key
    asked = made.asked(gist, seen={rare: 3, common: 800}, among=1000)
    assert [key for key, _ in asked] == [rare]
    both = dict(made.asked(gist, seen={rare: 3, common: 30}, among=1000))
    assert both[rare] > both[common] > 0
    everything = made.asked(gist, seen=dict.fromkeys(gist.keys, 2), among=1000)
    assert len(everything) <= cases.MOST_ASKED


def test_of_no_cases_none_is_like_it(made):
    assert made.confidence(made.gist(VACUUM), [], []).tolist() == []


def test_a_key_no_case_has_is_not_looked_for(made):
    assert made.asked(made.gist(VACUUM), seen={}, among=1000) == []


def test_the_words_that_speak_for_it_are_shown_in_both_texts(made):
    shared = made.because(made.gist(VACUUM), made.gist(VACUUM_TOO))
    assert ("VC-9", "VC9", True) in [(each.words, each.others, each.same) for each in shared]
    for each in shared:
        assert VACUUM[each.start : each.end] == each.words
        assert VACUUM_TOO[each.other_start : each.other_end] == each.others


def test_words_near_in_meaning_are_shown_as_such_and_small_words_never(made):
    shared = made.because(made.gist("My purchase still has no refund"), made.gist("Hello, no refunds for my purchases"))
    assert {"refund", "purchase"} <= {each.words for each in shared if each.same}
    assert not {"my", "My", "no"} & {each.words for each in shared}
    near = made.because(made.gist("加湿器から蒸気が出ません"), made.gist("空気清浄機から蒸気が出なくなりました"))
    assert any(not each.same and {each.words, each.others} & {"加湿器", "空気清浄機"} for each in near)


def test_two_languages_share_codes_and_nothing_else(made):
    japanese, in_english = made.gist("炊飯器のRC-55にE07と出ます"), made.gist("My RC-55 rice cooker shows E07")
    assert (japanese.language, in_english.language) == ("ja", "en")
    assert set(japanese.keys) & set(in_english.keys) == {
        term.key for term in japanese.terms if term.words in ("RC-55", "E07")
    }


def test_a_changed_file_is_refused(made):
    content = (cases.SHIPPED / "cases.npz").read_bytes()
    with pytest.raises(ValueError, match="card"):
        cases.Cases(content + b"\0", made.card)
    with pytest.raises(ValueError, match="card"):
        cases.Cases(content, made.card | {"format": 99})
    assert cases.Cases(content, made.card).version == made.version


def test_the_pairs_are_two_tellings_each_split_for_fitting_and_checking():
    for language in cases.LANGUAGES:
        pairs = corpus_rows.rows(corpus_rows.CORPUS / "pairs" / f"{language}.jsonl")
        assert len(pairs) >= {"ja": 60, "en": 40}[language]
        assert len({pair["id"] for pair in pairs}) == len({pair["problem"] for pair in pairs}) == len(pairs)
        assert {pair["split"] for pair in pairs} == {"fit", "check"}
        assert all(pair["one"] and pair["other"] and pair["one"] != pair["other"] for pair in pairs)


def test_confidence_was_fitted_without_the_pairs_that_check_it():
    checked = {
        pair["id"]
        for language in cases.LANGUAGES
        for pair in corpus_rows.rows(corpus_rows.CORPUS / "pairs" / f"{language}.jsonl")
        if pair["split"] == "check"
    }
    judged = corpus_rows.rows(corpus_rows.CORPUS / "pairs" / "judged.jsonl")
    assert len(judged) > 200 and not {row["pair"] for row in judged} & checked


@pytest.mark.slow
@pytest.mark.parametrize(("language", "at_5", "at_50"), [("ja", 0.30, 0.75), ("en", 0.12, 0.40)])
def test_the_other_telling_is_found_among_thousands_as_often_as_the_card_says(made, language, at_5, at_50):
    inquiries = corpus_rows.inquiries()
    found = pairs.figures(made, language, inquiries)
    told = made.card["found"][language]
    assert found == pytest.approx(told, abs=1e-3)
    assert found["among"] > 2000 and found["at_5"] >= at_5 and found["at_50"] >= at_50


@pytest.mark.slow
def test_the_shipped_map_is_the_one_the_corpus_makes(made):
    inquiries = corpus_rows.inquiries()
    again = cases.learn((row["language"], str(row.get("subject") or ""), row["text"]) for row in inquiries)
    card = made.card | {"sha256": hashlib.sha256(again).hexdigest()}
    remade = cases.Cases(again, card)
    for text in (VACUUM, RECEIPT, "my kettle leaks at the base"):
        assert words_of(remade.gist(text)) == words_of(made.gist(text)), "run python -m classifiers.ship"
        assert sureness(remade, text, text) == pytest.approx(sureness(made, text, text), abs=0.01)
