"""Who works at the sample company, who can be made to call it, and by which numbers and addresses it is reached."""

from dataclasses import dataclass
from typing import Final

from models import Role

SUPPORT: Final = "support@desk.example.jp"
COMPANY: Final = {"ja": "ひより電器", "en": "Hiyori Appliances"}
DOMAIN: Final = "desk.example.jp"


@dataclass(frozen=True, slots=True)
class Line:
    """How customers reach a queue."""

    phone: str  # E.164
    address: str | None
    greeting: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can sign in to the demonstration. The password is no secret."""

    key: str
    name: str
    reading: str
    email: str
    password: str
    serves: tuple[str, ...]  # slugs of queues
    extension: str
    language: str = "ja"  # of their pages
    languages: tuple[str, ...] = ("ja",)  # calls are answered in
    role: Role = Role.AGENT


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who can be made to call. `number` as a telephone system gives it, `called` the line dialed (E.164)."""

    key: str
    label: dict[str, str]
    number: str
    called: str


LINES: Final = {
    "tech_support": Line(
        "+81355500101",
        f"tech@{DOMAIN}",
        "ひより電器、技術サポートでございます。担当者におつなぎしますので、そのままお待ちください。",
    ),
    "returns": Line("+81355500102", f"returns@{DOMAIN}", "ひより電器、返品・交換の窓口でございます。"),
    "billing": Line("+81355500103", f"billing@{DOMAIN}", "ひより電器、ご請求・お支払いの窓口でございます。"),
    "shipping": Line("+81355500104", f"shipping@{DOMAIN}", "ひより電器、配送の窓口でございます。"),
    "general": Line("+81355500100", None, "お電話ありがとうございます。ひより電器でございます。"),
}
"""Mail to `settings.mail_from` belongs to no queue, so there the classifier decides."""

ACCOUNTS: Final = (
    Account(
        "aiko", "山田 愛子", "ヤマダ アイコ", f"aiko@{DOMAIN}", "aiko-demo-2026",
        ("tech_support", "general", "triage"), "201",
    ),
    Account(
        "ben", "Ben Carter", "ベン カーター", f"ben@{DOMAIN}", "ben-demo-2026",
        ("returns", "shipping", "triage"), "202", language="en",
        languages=("en", "ja"),
    ),
    Account(
        "sato", "佐藤 健", "サトウ ケン", f"sato@{DOMAIN}", "sato-demo-2026", ("triage",), "200", role=Role.SUPERVISOR,
    ),
    Account(
        "nakamura", "中村 美穂", "ナカムラ ミホ", f"nakamura@{DOMAIN}", "nakamura-demo-2026",
        ("billing", "general"), "203",
    ),
    Account("ogawa", "小川 翔", "オガワ ショウ", f"ogawa@{DOMAIN}", "ogawa-demo-2026", ("shipping", "returns"), "204"),
    Account("lin", "林 美玲", "リン メイリン", f"lin@{DOMAIN}", "lin-demo-2026", ("tech_support", "general"), "205"),
)  # fmt: skip

CALLERS: Final = {
    caller.key: caller
    for caller in (
        Caller(
            "tanaka",
            {"ja": "田中 美咲様（登録済み、対応中の件あり）", "en": "Ms. Tanaka (known, with an open ticket)"},
            "+819012345601",
            LINES["tech_support"].phone,
        ),
        Caller(
            "family",
            {"ja": "伊藤家の電話（お二人で共有の番号）", "en": "The Ito family (a number two customers share)"},
            "+81312345602",
            LINES["general"].phone,
        ),
        Caller(
            "company",
            {"ja": "ミナト設備の代表電話（ご担当者3名）", "en": "Minato's main line (three customers)"},
            "+81312345610",
            LINES["general"].phone,
        ),
        Caller(
            "unknown",
            {"ja": "登録のない番号", "en": "An unknown number"},
            "+819012345696",
            LINES["tech_support"].phone,
        ),
        Caller("withheld", {"ja": "非通知", "en": "A withheld number"}, "anonymous", LINES["general"].phone),
        Caller(
            "english",
            {"ja": "Emma Wilson様（英語、英国の番号）", "en": "Emma Wilson (in English, from a UK number)"},
            "+447700900123",
            LINES["tech_support"].phone,
        ),
    )
}
