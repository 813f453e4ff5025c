"""Plain denials: "満足していません", "欲しい色がありませんでした", "選べる色が少なかった", "悪くない".

The idea: a word of praise that is denied, and a thing wanted that was not there, is a complaint, and the models know
the words so well that a short denial hardly moves them: few who fill in a survey deny, so little of it can be learned.
Where a Japanese comment ends in a plain denial the denial is heard beside the models; trouble that is denied is no
praise for certain, but no anger. What is denied twice, asked, supposed or taken back in the same sentence is no plain
denial, and is left to the models.
"""

import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Denial:
    """A denial as it stands in the text, from `start` to `end`; `of_praise` or else of trouble."""

    of_praise: bool
    start: int
    end: int


def of(text: str) -> Denial | None:
    """The denial that the last sentence of a text ends in, None where it does not."""
    plain = "".join(unicodedata.normalize("NFKC", letter)[:1] or letter for letter in text)  # every letter in its place
    ends = [found.end() for found in _STOP.finditer(plain)]
    begin = next((end for end in reversed(ends) if plain[end:].strip()), 0)
    for found in _DENIAL.finditer(plain, begin):
        rest, of_praise = plain[found.end() :], found.lastgroup == "praise"
        if not _TAKEN_BACK.search(rest) and (of_praise or "、" not in rest):
            return Denial(of_praise, found.start(), found.end())
    return None


_STOP = re.compile(r"[。!?\n]+")
_NOT = r"(?:な(?:い|かった)|ませんでした|ません|ありませんでした|ありません|ず)"
_SAID = r"(?:と(?:は|も)?(?:言え|いえ|思え|思わ|思い|感じられ)|に?(?:は|も)?(?:なれ|なり))"
_WANTED = (
    r"(?:(?:欲し|ほし)(?:い|かった)|(?:探して|望んで|期待して|希望して|求めて)い?[たる]"
    r"|(?:お?目当て|希望|好み)の|必要な)"
)
_UNLESS_MEANT_ILL = r"(?<!しつこい)(?<!余計な)(?<!無駄な)(?<!不要な)"
_ABSENT = (
    r"(?:な(?:い|かった)|ありません(?:でした)?|無(?:い|かった)|"
    r"(?:置いて|売って|残って|入って|届いて|見つかって)?(?:い)?(?:な(?:い|かった)|ません(?:でした)?)|"
    r"見つから(?:な(?:い|かった)|ず)|見つかりません(?:でした)?)"
)
_FAULT = (
    r"(?:傷|キズ|きず|汚れ|シミ|染み|ムラ|へこみ|凹み|破損|欠け|不良|故障|異音|エラー|ミス|誤り|"
    r"遅れ|遅延|待ち時間|しつこい(?:案内|勧誘|営業))"
)
_PRAISE = (
    # 満足していない、おすすめできません、納得とは言えない
    rf"(?:満足|納得|おすすめ|お勧め|オススメ|お薦め|信頼|信用|安心|感心)(?:は|も|が)?"
    rf"(?:して(?:は|い|お|は?おり)?|し|でき|出来|いたし|致し|{_SAID}){_NOT}",
    rf"期待(?:は|が)?(?:でき|出来){_NOT}",
    # 丁寧ではない、親切とは言えません
    rf"(?<!不)(?:丁寧|親切|快適|便利|スムーズ|迅速|的確|誠実|十分|充分|正確|きれい|綺麗|好き|好印象|満足)"
    rf"(?:では?|じゃ|{_SAID}){_NOT}",
    # 良くありませんでした、わかりやすくない
    rf"(?:良|よ|嬉し|うれし|(?:わかり|分かり|使い|見|読み|話し)やす|早|速|美味し|おいし|楽し|ありがた|優し|やさし|面白|心地よ)くは?{_NOT}",
    rf"(?:助から|助かり|気に入ら|気に入り|役に立た|役に立ち|役立た|役立ち|勧められ|薦められ){_NOT}",
    # 欲しい色がありませんでした、探していたサイズが置いてなかった、連絡が一度もない
    rf"(?:{_WANTED}(?!もの|物|こと|事|点|ところ|通り|とおり)[^、。\s]{{1,10}}?(?<!で)"
    rf"|{_UNLESS_MEANT_ILL}(?:在庫|選択肢|連絡|返事|返信|回答|謝罪|お詫び|説明|案内|フォロー))"
    rf"(?:が|は|も)(?:一度も|一回も|一切|全く|まったく|全然|何も|どこにも|ほとんど)?{_ABSENT}",
    # 選べる色が少なかった、品揃えが少ない
    r"(?:(?:選べる|使える|頼める|買える|置いてある)[^、。\s]{1,8}?|選択肢|種類|品揃え|品ぞろえ|品数|在庫)(?:が|は|も)"
    r"(?:かなり|とても|すごく|少し|やや|あまりに(?:も)?)?(?:少な|すくな)(?:い|かった|すぎ|過ぎ)",
    # また買いたいとは思わない、もう使いたくない
    rf"(?:買い|利用し|使い|頼み|お願いし|行き|注文し|購入し|し)た(?:く(?:は|も)?|いと?(?:は|も)?(?:思わ|思い|思え|感じ)){_NOT}",
)
_TROUBLE = (
    # 傷がありませんでした、特に問題ない
    rf"(?:{_FAULT}(?:など|等)?(?:が|は|も|(?:一つ|ひとつ)(?:も)?)|(?:問題点?|不具合|不備|異常|支障|トラブル)(?:など|等)?(?:が|は|も)?)(?:一度も|一つも|ひとつも|一切|特に|とくに|全く|まったく|全然|何も|ほとんど)?"
    r"(?:な(?:い|かった)|無(?:い|かった)|(?:あ|見つか|見当た)りません(?:でした)?|見当たら(?:ない|なかった|ず))",
    rf"(?:悪|遅|高|難し|うるさ|重|ひど|まず|使いにく|わかりにく|分かりにく)くは?{_NOT}",
    rf"(?:不満|文句|不便|不自由|不快|ストレス|不足|失礼)(?:に?(?:は|も|な(?:点|こと|ところ)は)|感?は)?"
    rf"(?:特に|とくに|まったく|全く|一切)?{_NOT}",
    r"(?:困ら|困り|迷わ|迷い|待たされ)(?:ず|な(?:い|かった)|ませんでした|ません)",
)
_DENIAL = re.compile(rf"(?P<praise>{'|'.join(_PRAISE)})|(?P<trouble>{'|'.join(_TROUBLE)})")
_TAKEN_BACK = re.compile(
    r"^(?:が|ら|よう|わけ|こと|もの|はず|ところ|点|人|方|ほう|くらい|ぐらい|ほど|うち|なら|と(?!思い|思う|思っ|感じ)|どころ|時|とき|か(?!ら)|ですか|でしょうか|の?で、)"
    r"|(?:が、|ですが|ますが|けど|けれど|ものの|のに|しかし|でも、)"
)
