"""Reading mail: from bytes to what the desk needs to know, everything on but the classifiers, in processor time.

The mails are a day's mixture: letters, long threads, newsletters of up to a hundred kilobytes, files of up to three
megabytes, and now and then something broken. The floor is the standard library, which parses the same bytes and decodes
the parts, and does nothing else of what is asked. Memory is that of a process of its own, the mail included.
"""

import base64
import random
import subprocess
import sys
import time
from email import message_from_bytes, policy
from pathlib import Path

from tests.bench import mail
from tests.bench.figures import percentile, say, tell
from tests.bench.servers import ROOT

MESSAGES = ROOT / "tests" / "helpdesk" / "mail" / "messages"
LARGE_BYTES = 25_000_000


def measure(folder: Path, *, quick: bool, customers: int) -> None:
    """Tell mails a second, how long the slowest take, and what a large file costs."""
    from helpdesk.mail import parse

    mails = a_day(200 if quick else 1_500)
    say(f"reading {len(mails)} mails, {sum(map(len, mails)) / 1e6:.0f} MB ...")
    for raw in mails[:100]:
        parse.read(raw)
    took = []
    for raw in mails:
        began = time.process_time()
        email = parse.read(raw)
        took.append(time.process_time() - began)
        assert not email.unreadable and "time_cut" not in email.problems
    began = time.process_time()
    for raw in mails:
        _by_the_library(raw)
    library = (time.process_time() - began) / len(mails)
    tell("reading_mails_per_second", len(mails) / sum(took), "mails/s a core", floor=1 / library, higher_is_better=True,
         bar="value >= 200", mails=len(mails), bytes_per_second=sum(map(len, mails)) / sum(took))  # fmt: skip
    tell("reading_p99_ms", percentile(took, 0.99) * 1000, "ms", floor=library * 1000, bar="value < 50",
         p50_ms=percentile(took, 0.5) * 1000, worst_ms=max(took) * 1000)  # fmt: skip
    seconds, megabytes, library = (float(word) for word in subprocess.run(
        [sys.executable, "-m", "tests.bench.reading"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split())  # fmt: skip
    tell("reading_25_mb_seconds", seconds, "s", floor=library, bar="value < 2", megabytes=megabytes)
    tell("reading_25_mb_memory", megabytes, "MB", floor=LARGE_BYTES / 1e6, bar="value < 200")


def a_day(count: int) -> list[bytes]:
    """So many mails as a day brings them, the same ones every time."""
    chance = random.Random(42)
    letters = [raw for _, raw in mail.letters(400, 1_000)]
    recorded = [path.read_bytes() for path in sorted(MESSAGES.glob("*.eml"))]
    return [_one(chance, letters, recorded) for _ in range(count)]


def _one(chance: random.Random, letters: list[bytes], recorded: list[bytes]) -> bytes:
    dice = chance.random()
    if dice < 0.4:
        return chance.choice(letters)
    if dice < 0.55:
        return chance.choice(recorded)
    if dice < 0.75:
        return _thread(chance)
    if dice < 0.87:
        return _newsletter(chance)
    if dice < 0.97:
        return _with_files(chance)
    raw = chance.choice(recorded)  # cut off on its way
    return raw[: max(400, len(raw) * 3 // 4)]


_WORDS = "掃除機の電源が入りません。充電はしています。交換をお願いできますか。型番は箱に書いてあります。"


def _thread(chance: random.Random) -> bytes:
    lines = ["お世話になっております。", "先日の件、よろしくお願いいたします。", ""]
    for depth in range(1, chance.choice((3, 8, 30))):
        marks = ">" * min(depth, 20) + " "
        lines += [">" * (depth - 1) + f" 2026年11月{depth % 28 + 1}日(月) 10:00 窓口 <support@example.jp>:"]
        lines += [marks + _WORDS[place : place + 20] for place in range(0, 40, chance.choice((4, 10)))]
    text = "\r\n".join(lines)
    charset = chance.choice(("utf-8", "utf-8", "iso-2022-jp"))
    body = base64.encodebytes(text.encode(charset)).replace(b"\n", b"\r\n")
    return (b"From: =?utf-8?B?55Sw5Lit?= <tanaka@example.com>\r\nSubject: Re: x\r\nIn-Reply-To: <1@example.jp>\r\n"
            b"Content-Type: text/plain; charset=" + charset.encode()
            + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + body)  # fmt: skip


def _newsletter(chance: random.Random) -> bytes:
    cell = ('<tr><td style="padding:4px 8px;font-family:Meiryo,sans-serif;color:#333333" bgcolor="#ffffff">'
            '<a href="https://shop.example.com/item?id={0}&amp;c=1"><img src="https://img.example.com/{0}.jpg"'
            ' alt="商品" width="120"></a>{1}&nbsp;&yen;{0}</td></tr>\r\n')  # fmt: skip
    rows = "".join(cell.format(chance.randrange(10_000), _WORDS[:20]) for _ in range(chance.choice((40, 150, 400))))
    page = f"<html><head><style>.x{{color:red}}</style></head><body><table width=600>{rows}</table></body></html>"
    return (b"From: shop@example.com\r\nSubject: =?utf-8?B?44K744O844Or?=\r\nList-Unsubscribe: <mailto:x@example.com>"
            b"\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            + page.encode())  # fmt: skip


def _with_files(chance: random.Random) -> bytes:
    parts = b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + _WORDS.encode() + b"\r\n"
    for place in range(chance.choice((1, 1, 2, 4))):
        data = chance.randbytes(chance.choice((20_000, 200_000, 800_000)))
        parts += (b"--b\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition:"
                  b" attachment; filename*=UTF-8''%%E5%%86%%99%%E7%%9C%%9F%d.jpg\r\n\r\n" % place
                  + base64.encodebytes(data))  # fmt: skip
    return (b"From: tanaka@example.com\r\nSubject: files\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
            + parts + b"--b--\r\n")  # fmt: skip


def _by_the_library(raw: bytes) -> None:
    for part in message_from_bytes(raw, policy=policy.compat32).walk():
        if not part.is_multipart():
            part.get_payload(decode=True)


def _large() -> None:
    """In a process of its own: seconds, megabytes above what the imports took, and the library's seconds."""
    from helpdesk.mail import parse

    parse.read(b"From: a@example.com\r\nContent-Type: text/html\r\n\r\n<p>x</p>")
    before = _most_kilobytes()
    head = (b"From: a@example.com\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\n"
            b"Content-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n")  # fmt: skip
    line = base64.b64encode(bytes(range(57))) + b"\r\n"
    raw = head + line * (LARGE_BYTES // 57) + b"--b--\r\n"
    began = time.process_time()
    email = parse.read(raw)
    took = time.process_time() - began
    after = _most_kilobytes()
    assert len(email.attachments[0].content) == LARGE_BYTES // 57 * 57
    del email
    began = time.process_time()
    _by_the_library(raw)
    print(took, (after - before) / 1000, time.process_time() - began)


def _most_kilobytes() -> int:
    """The most memory this process had so far; what `getrusage` says is also its parent's."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    _large()
