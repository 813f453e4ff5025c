"""Mails through SMTP to routed tickets: from the first connection until the last mail has a ticket.

The letters are those the classifier learned from, dressed as mail clients dress them: plain and HTML, UTF-8 and
ISO-2022-JP, now and then a picture, half of them from customers the desk knows. The floor is one small row a commit, as
durable as the desk's own (`synchronous=FULL`), in the same folder, just before and just after.

Before that, mails come one by one, five a second, to a queue whose five agents have a page open: from the end of the
mail until the frame with its row.
"""

import json
import random
import smtplib
import sqlite3
import threading
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from pathlib import Path

from tests.bench import company, ring, servers
from tests.bench.figures import percentile, say, tell

CONNECTIONS = 4
ROWS_OF = "returns"
TO = "desk@example.com"  # the desk's own address and no queue's, or it would choose the queue, not the classifier


def measure(folder: Path, *, quick: bool, customers: int) -> None:
    """Tell mails a second, and the processor time of the desk's process a mail."""
    data = folder / "mail"
    team = company.open_for_business(data, customers=customers)[ROWS_OF]
    mails = letters(200 if quick else 1000, customers)
    with servers.desk(data) as desk:
        desk.wait_until_ready()
        one_by_one = range(1, 1 + (20 if quick else 100))
        _to_row(desk, team, one_by_one)
        before, _ = _commits_per_second(data)
        say(f"sending {len(mails)} mails ...")
        worked = desk.processor_seconds()
        began = time.monotonic()
        senders = [
            threading.Thread(target=_send, args=(desk.mail_port, mails[place::CONNECTIONS]))
            for place in range(CONNECTIONS)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        kept = time.monotonic() - began
        routed = _wait_for_tickets(desk, len(one_by_one) + len(mails)) - began
        worked = desk.processor_seconds() - worked
        after, own = _commits_per_second(data)
    tell("mail_to_ticket_per_second", len(mails) / routed, "mails/s", floor=(before + after) / 2, higher_is_better=True,
         bar="value >= 200", kept_per_second=len(mails) / kept, mails=len(mails))  # fmt: skip
    tell("mail_processor_time", 1000 * worked / len(mails), "ms a mail", floor=own,
         floor_is="a commit of one small row", bar="value <= 5")  # fmt: skip


def _to_row(desk: servers.Server, team: list[str], numbers: range) -> None:
    """Tell how long a mail takes to the row on a page. The subject has a number by which its frame is known again."""
    listeners = ring.Listeners()
    listeners.ask({"connect": [
        {"group": "desk", "url": f"ws://127.0.0.1:{desk.port}/live", "cookie": f"desk={token}"} for token in team
    ]})  # fmt: skip
    sent: dict[str, int] = {}
    kept: list[float] = []
    say(f"sending {len(numbers)} mails one by one ...")
    with smtplib.SMTP("127.0.0.1", desk.mail_port) as client:
        client.ehlo()
        for number in ring.paced(numbers):
            mail = EmailMessage()
            mail["From"], mail["To"] = company.address_of(number), company.ADDRESSES[ROWS_OF]
            mail["Subject"] = f"お問い合わせ {company.phone_of(number)}"
            mail["Message-ID"] = f"<row-{number}@example.org>"
            mail.set_content("先日届いた品物を返品したいのですが、送料はどちらの負担になりますか。\n", charset="utf-8")
            client.mail(mail["From"])
            client.rcpt(mail["To"])
            sent[company.phone_of(number)[-7:]] = time.monotonic_ns()
            client.data(mail.as_bytes())
            kept.append((time.monotonic_ns() - sent[company.phone_of(number)[-7:]]) / 1e6)
    time.sleep(3.0)
    told = listeners.ask({"report": True})["desk"]
    listeners.close()
    waits = [(at - sent[key]) / 1e6 for key in sent for at in told.get(key, ())]
    lost = len(sent) * len(team) - len(waits)
    for share, bar in ((0.5, "value <= 50"), (0.99, "value <= 250")):
        tell(
            f"mail_to_row_p{share * 100:.0f}", percentile(waits, share), "ms", floor=percentile(kept, share),
            floor_is='until the sender hears "250"', bar=bar, lost=lost, mails=len(sent), agents=len(team),
        )  # fmt: skip


def letters(count: int, customers: int) -> list[tuple[str, bytes]]:
    """Pairs of sender and bytes, the same ones every time."""
    chance = random.Random(42)
    texts = []
    for language in ("ja", "en"):
        with (servers.ROOT / "classifiers" / "corpus" / f"{language}.jsonl").open(encoding="utf-8") as lines:
            texts += [json.loads(line) for line in lines]
    return [_letter(chance, place, chance.choice(texts), customers) for place in range(count)]


def _letter(chance: random.Random, place: int, text: dict[str, str], customers: int) -> tuple[str, bytes]:
    known = place % 2 == 0
    sender = company.address_of(chance.randrange(1, customers)) if known else f"somebody-{place}@example.org"
    mail = EmailMessage()
    mail["From"] = formataddr(("田中 花子" if text["language"] == "ja" else "Jane Example", sender))
    mail["To"] = TO
    mail["Subject"] = text.get("subject") or text["text"].splitlines()[0][:30]
    mail["Date"] = format_datetime(datetime(2026, 11, 1, 9, 0, tzinfo=UTC))
    mail["Message-ID"] = f"<{place}.{chance.randrange(10**9)}@example.org>"
    body = text["text"] + "\n"
    charset = "utf-8"
    if text["language"] == "ja" and place % 3 == 0:
        try:
            body.encode("iso-2022-jp")
            charset = "iso-2022-jp"
        except UnicodeEncodeError:
            pass
    mail.set_content(body, charset=charset)
    if place % 3 == 1:
        lines = "".join(f"<p>{line}</p>" for line in body.splitlines())
        mail.add_alternative(f'<html><body style="font: 12pt serif">{lines}</body></html>', subtype="html")
    if place % 20 == 7:
        mail.add_attachment(chance.randbytes(8_000), maintype="image", subtype="jpeg", filename=f"写真{place}.jpg")
    return sender, mail.as_bytes()


def _send(port: int, mails: list[tuple[str, bytes]]) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        for sender, raw in mails:
            client.sendmail(sender, [TO], raw)


def _wait_for_tickets(desk: servers.Server, count: int) -> float:
    """When the last mail had its ticket. Raises when any was parked or set aside."""
    reader = sqlite3.connect(f"file:{desk.database}?mode=ro", uri=True)
    until = time.monotonic() + 120
    while time.monotonic() < until:
        now = time.monotonic()
        waiting = reader.execute("SELECT count(*) FROM inbound WHERE state = 'waiting'").fetchone()[0]
        if waiting == 0:
            done = reader.execute("SELECT count(ticket_id) FROM inbound WHERE kind = 'mail'").fetchone()[0]
            if done == count:
                return now
        time.sleep(0.05)
    raise TimeoutError(f"{waiting} mails still wait")


def _commits_per_second(folder: Path, seconds: float = 1.0) -> tuple[float, float]:
    """Small commits a second, and the processor's milliseconds for one."""
    path = folder / "floor.db"
    raw = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        raw.execute(f"PRAGMA {pragma}")
    raw.execute("CREATE TABLE IF NOT EXISTS row (id INTEGER PRIMARY KEY, text)")
    began, worked, commits = time.monotonic(), time.process_time(), 0
    while time.monotonic() - began < seconds:
        raw.execute("BEGIN IMMEDIATE")
        raw.execute("INSERT INTO row (text) VALUES ('a small row')")
        raw.execute("COMMIT")
        commits += 1
    rate = commits / (time.monotonic() - began)
    worked = time.process_time() - worked
    raw.close()
    return rate, 1000 * worked / commits
