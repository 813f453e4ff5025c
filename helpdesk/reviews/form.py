"""What every review asks: criteria with weights, and a scale from 1 to a number.

The one idea: a criterion keeps its number however it is worded, so that its averages go on; and each review keeps the
form as it was asked, so that a change says nothing about the past.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from helpdesk.errors import Invalid
from helpdesk.events import emit
from helpdesk.facts import ReviewChanged
from models import Agent, ReviewForm

NUMBER = 1
"""The one form's id."""
MOSTS = (3, 4, 5, 7, 10)
WEIGHTS = range(1, 11)
CRITERIA_MAX = 12
NAME_MAX, HINT_MAX = 60, 300
USUAL: Sequence[tuple[str, str, str, str, int]] = (
    ("言葉づかい", "Tone", "丁寧で、お客様に合わせた言葉になっているか。",
     "Friendly, polite and in the customer's own register.", 1),
    ("用件の把握", "Understanding", "質問や困りごとを取り違えず、すべて受け止めているか。",
     "Everything the customer asked was understood, and nothing else assumed.", 2),
    ("回答の正しさ", "Correctness", "内容が正しく、これだけで解決できるか。",
     "What was said is right, and enough to settle the matter.", 3),
    ("手順", "Procedure", "本人確認や記録など、決められた手順に沿っているか。",
     "Identity, notes and hand-overs were done as agreed.", 2),
    ("早さと見通し", "Pace", "待たせずに答え、次に何が起きるかを伝えているか。",
     "No needless waiting, and the customer knew what would happen next.", 1),
)  # fmt: skip
"""What the desk asks until somebody words it otherwise: Japanese and English name and hint, and the weight."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that is judged. `name_en` "": it is called `name` in both languages."""

    id: int
    name: str
    name_en: str
    hint: str
    hint_en: str
    weight: int

    def called(self, language: str) -> str:
        """Its name."""
        return self.name_en if language == "en" and self.name_en else self.name

    def explained(self, language: str) -> str:
        """Its hint."""
        return self.hint_en if language == "en" and self.hint_en else self.hint

    def stored(self) -> dict[str, Any]:
        """As a row keeps it."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Form:
    """Points go from 1 to `most`."""

    most: int
    criteria: Sequence[Criterion]


def now(db: Session) -> Form:
    """The form as it is asked now."""
    row = db.get(ReviewForm, NUMBER)
    kept: dict[str, Any] = {"most": row.most, "criteria": row.criteria} if row else usual()
    return Form(kept["most"], read(kept["criteria"]))


def usual() -> dict[str, Any]:
    """The form as a row would keep it that nobody has changed."""
    names = ("name", "name_en", "hint", "hint_en", "weight")
    criteria = [{"id": number} | dict(zip(names, told, strict=True)) for number, told in enumerate(USUAL, 1)]
    return {"most": 5, "criteria": criteria}


def read(kept: Sequence[Mapping[str, Any]]) -> list[Criterion]:
    """Criteria as rows keep them."""
    return [Criterion(**each) for each in kept]


def save(db: Session, most: int, typed: Sequence[Criterion], *, by: Agent, at: datetime) -> Form:
    """Ask this from now on. A criterion numbered 0 is a new one; lines without a name are left out. Raises `Invalid`
    with the field, "name-0" for the first line."""
    if most not in MOSTS:
        raise Invalid("unknown_choice", field="most")
    known = {each.id for each in now(db).criteria}
    next_id, kept, seen = _next_id(db), list[Criterion](), set[int]()
    for line, each in enumerate(typed):
        name, name_en = " ".join(each.name.split()), " ".join(each.name_en.split())
        hint, hint_en = each.hint.strip(), each.hint_en.strip()
        if not name and not name_en:
            continue
        if max(len(name), len(name_en)) > NAME_MAX or max(len(hint), len(hint_en)) > HINT_MAX:
            raise Invalid("too_long_here", field=f"name-{line}")
        if each.weight not in WEIGHTS:
            raise Invalid("not_a_weight", field=f"weight-{line}")
        number = each.id if each.id in known and each.id not in seen else next_id
        next_id += number == next_id
        seen.add(number)
        kept.append(Criterion(number, name or name_en, name_en, hint or hint_en, hint_en, each.weight))
    if not kept:
        raise Invalid("criteria_missing", field="name-0")
    if len(kept) > CRITERIA_MAX:
        raise Invalid("too_many_criteria", field=f"name-{CRITERIA_MAX}")
    row = db.get(ReviewForm, NUMBER) or ReviewForm(id=NUMBER, changed_at=at)
    row.most, row.criteria, row.changed_by_id, row.changed_at = most, [each.stored() for each in kept], by.id, at
    row.last_id = next_id - 1
    db.add(row)
    db.flush()
    emit(db, ReviewChanged(what="form", by_id=by.id, at=at))
    return Form(most, kept)


def _next_id(db: Session) -> int:
    """A number no criterion ever had."""
    row = db.get(ReviewForm, NUMBER)
    return (row.last_id if row else len(USUAL)) + 1
