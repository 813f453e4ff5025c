"""Machines that write mail: three separate questions, each with its own answer.

The one idea: "is it a bounce", "is it automatic" and "may we answer automatically" are different questions.
Exchange puts `X-Auto-Response-Suppress` on mail that people wrote, so it only forbids an answer; a voicemail
notice is automatic and still a ticket. A person answering our own receipt ("Re: 【自動返信】") is a person.
Rules follow RFC 3834, RFC 3464 and RFC 5230, and what Japanese carriers really send.
"""

import json
import re
from dataclasses import dataclass

from helpdesk.mail import charsets
from helpdesk.mail.headers import Head, read_head

_SAMPLE = 20_000  # characters of a text that are searched


@dataclass(frozen=True, slots=True)
class Failure:
    """One recipient a mail did not reach, "" where the report names none. Not `is_final`: its server goes on trying."""

    address: str = ""
    status: str = ""  # RFC 3463
    is_final: bool = True
    words: str = ""  # the server's own


@dataclass(frozen=True, slots=True)
class Bounce:
    """Whether the mail reports a failed or delayed delivery, of which mail, with which RFC 3463 status ("" unknown).

    `is_certain` when a machine's own field says so; a notice in words alone might be a person's.
    """

    is_bounce: bool = False
    message_id: str = ""
    status: str = ""
    is_certain: bool = True
    failures: tuple[Failure, ...] = ()


_ROBOT = re.compile(
    r"(no[-_.]?reply|do[-_.]?not[-_.]?reply|mailer[-_.]?daemon|mail[-_.]?daemon|mdaemon|post[-_.]?master"
    r"|bounces?|auto[-_.]?(reply|responder|answer|mailer)"
    r"|noreply[-_.+].*|no[-_.]reply[-_.+].*|bounces?[-+=_].*|.*[-_.+]bounces?|.*[-_.]no[-_.]?reply|daemon"
    r"|majordomo|listserv)$",
    re.I,
)
_DAEMON = re.compile(r"(mailer[-_.]?daemon|mail[-_.]?daemon|mdaemon|post[-_.]?master|bounces?)([-+=_].*)?$", re.I)
_BOUNCE_SUBJECT = re.compile(
    r"(undeliver(able|ed)|delivery (status notification|failure|has failed|problem|report|notification)|mail"
    r" delivery (failed|failure|system|subsystem|problem|error)"
    r"|(failure|delay) notice|returned mail|mail (system )?error|message (not delivered|delivery failed"
    r"|undeliverable)|could not (send|deliver)"
    r"|warning: (could not send|message)|(メール)?(送信|配信|配送|送達)(エラー|不能|不可|失敗|できません"
    r"|できませんでした|遅延)|配信不能|メールエラー通知|エラーメール|宛先不明"
    r"|送信できませんでした|メッセージを配信できません|unzustellbar|non remis|no se puede entregar"
    r"|nondeliverable|error notice)",
    re.I,
)
_BOUNCE_TEXT = re.compile(
    r"(user unknown|unknown user|no such user|does(n't| not) exist|mailbox (is )?(full|unavailable|not"
    r" found)|over ?quota|could not be delivered|(not|n't) be delivered"
    r"|delivery to the following|recipient address rejected|host (unknown|not found)|5\.\d\.\d|permanent"
    r" (fatal )?error|宛先(の)?(アドレス|メールアドレス)?が(見つかりません|存在|不明)|配信(でき|され)ません"
    r"|送信(でき|され)ません|送れません|届けられません|届きません|該当する(宛先|アドレス|ユーザ))",
    re.I,
)
_AUTOMATIC_SUBJECT = re.compile(
    r"[\s【\[(（<《「]*("
    r"自動(返信|応答|送信|配信|通知|回答)|オートリプライ|不在(通知|応答|のお知らせ|のご連絡|連絡(?!票)"
    r"|の連絡|にしております|設定|中です|です|返信)|不在[】\])）:：]|不在$"
    r"|休暇中|(開封|既読)(済み|確認|通知)|automatic reply|auto[- ]?(reply|response|responder|matic"
    r" response)[\s:：\]】]|auto:|out[- ]of[- ](the[- ])?office"
    r"|abwesenheit|automatische antwort|réponse automatique|respuesta automática|risposta automatica"
    r"|自动回复|自動回覆|자동 ?회신|부재중"
    r"|vacation (reply|response)|read:|away from (my|the) (office|desk|mail))",
    re.I,
)
_LATE = re.compile(r"delay|warning|遅延|まだ(?:配信|送信)", re.I)
_NEVER_A_PERSON = re.compile(r"(?:mailer|mail)[-_.]?daemon$|mdaemon$", re.I)
_RECIPIENT = re.compile(r"^(original|final)-recipient:[ \t]*(?:[a-z0-9-]{1,20};)?[ \t]*([^\s;]{1,320})", re.I | re.M)
_ADDRESSES = re.compile(r"[^\s,;<>]{1,128}@[^\s,;<>]{1,190}")
_FAILURES = 100  # recipients of a report that are looked at
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY_CODE = re.compile(r"(?<![\d.-])([45])([0-5]\d)(?=[ -]\D)")
_MESSAGE_ID = re.compile(r"^message-id:\s*(<[^<>\s]{1,500}>)", re.I | re.M)


def bounce(
    head: Head, kind: str, params: dict[str, str], sender: str, subject: str, text: str, leaves: dict[str, bytes]
) -> Bounce:
    """Whether this is a delivery report of failure or delay.

    `kind` and `params` are the mail's media type, `leaves` the bytes of its report parts by media type, `sender`
    the address it claims. A delivery that succeeded is no bounce; mail written by people from a postmaster's
    address is none either unless it also reads like one.
    """
    report = leaves.get("message/delivery-status", b"")
    if report and (
        kind == "multipart/report"
        or leaves.keys() & {"message/rfc822", "text/rfc822-headers"}
        or _is_daemon(sender, head)
    ):
        return _from_report(report, leaves, text, head)
    if kind == "multipart/report" and params.get("report-type", "").lower() == "delivery-status":
        return _from_report(report, leaves, text, head)
    if told := _told_by_service(text):
        return told
    if head.has("x-failed-recipients"):
        status = _status(text)
        named = _ADDRESSES.findall(head.first("x-failed-recipients").decode("ascii", "ignore"))[:_FAILURES]
        failures = tuple(Failure(each, status, _is_final(status, subject)) for each in named)
        return Bounce(True, _original(leaves, text, head), status, failures=failures)
    about_delivery = bool(_BOUNCE_SUBJECT.match(subject.lstrip(" 【[(（*"))) or bool(
        _BOUNCE_SUBJECT.search(subject[:80]) and _is_daemon(sender, head)
    )
    reads_so = bool(_BOUNCE_TEXT.search(text[:_SAMPLE]))
    machine = _is_daemon(sender, head) or is_robot(sender) or head.ascii("auto-submitted") not in ("", "no")
    answers_nobody = not re.match(r"(?:re|返信)\s*[:：]", subject, re.I)
    if (
        machine
        and answers_nobody
        and ((about_delivery and (reads_so or _is_daemon(sender, head))) or (_is_daemon(sender, head) and reads_so))
    ):
        status = _status(text)
        failures = (Failure("", status, _is_final(status, subject)),)
        is_certain = about_delivery and reads_so and _NEVER_A_PERSON.match(sender.rpartition("@")[0]) is not None
        return Bounce(True, _original(leaves, text, head), status, is_certain=is_certain, failures=failures)
    return Bounce()


def reason(head: Head, kind: str, params: dict[str, str], sender: str, subject: str, *, is_bounce: bool) -> str:
    """Why we take a mail for a machine's, as a code, or "" for a person's.

    Codes: "bounce", "delivery_report", "read_receipt", "complaint", "auto_replied", "auto_generated",
    "auto_reply_header", "precedence", "null_sender", "robot_sender", "subject", and when nothing else says so,
    "mailing_list".
    """
    if is_bounce:
        return "bounce"
    report = params.get("report-type", "").lower() if kind == "multipart/report" else ""
    if report:
        return {"delivery-status": "delivery_report", "disposition-notification": "read_receipt"}.get(
            report, "complaint"
        )
    submitted = head.ascii("auto-submitted").split(";")[0].strip()
    if submitted not in ("", "no"):
        return "auto_generated" if submitted.startswith("auto-gen") else "auto_replied"
    if any(
        head.has(name)
        for name in (
            "x-autoreply",
            "x-auto-reply",
            "x-autorespond",
            "x-autoresponder",
            "x-autoreply-from",
            "x-mail-autoreply",
        )
    ):
        return "auto_reply_header"
    if head.ascii("x-precedence") in _BULK or head.ascii("precedence") in _BULK:
        return "precedence"
    if is_null_sender(head):
        return "null_sender"
    if is_robot(sender):
        return "robot_sender"
    if _AUTOMATIC_SUBJECT.match(subject):
        return "subject"
    is_list = head.ascii("precedence") == "list" or any(
        head.has(name)
        for name in ("list-id", "list-unsubscribe", "list-post", "list-help", "x-ml-name", "x-mailing-list")
    )
    return "mailing_list" if is_list else ""


def answers_by_itself(reason: str) -> bool:
    """Whether what answers a mail of ours was written by no person, by `reason`. What a mailing list passes on was:
    a customer whose company reads its mail through one is still a customer."""
    return reason not in ("", "mailing_list")


def may_answer(head: Head, sender: str, *, why_automatic: str) -> bool:
    """Whether a machine of ours may answer. Our own addresses and own ids are for the caller, who knows them.

    What a filter before us takes for spam is not answered: its sender's address is somebody else's.
    """
    suppress = head.ascii("x-auto-response-suppress")
    return not (
        why_automatic
        or not sender
        or (suppress and suppress != "none")
        or head.has("x-loop")
        or is_robot(sender)
        or any(head.ascii(name).startswith(("yes", "true")) for name in _SPAM)
    )


def is_robot(address: str) -> bool:
    """Whether nobody reads what is sent to this address, by its name."""
    return bool(_ROBOT.match(address.rpartition("@")[0].strip('"')))


def is_null_sender(head: Head) -> bool:
    """Whether the outermost Return-Path is the empty one, `<>`."""
    return head.first("return-path").strip() == b"<>"


_SPAM = ("x-spam-flag", "x-spam-status", "x-spam", "x-barracuda-spam-flag")
_BULK = {"bulk", "junk", "auto_reply", "auto-reply"}


def _is_daemon(sender: str, head: Head) -> bool:
    return bool(_DAEMON.match(sender.rpartition("@")[0].strip('"'))) or is_null_sender(head)


def _from_report(report: bytes, leaves: dict[str, bytes], text: str, head: Head) -> Bounce:
    fields = report[:50_000].decode("utf-8", "replace").lower()
    actions = set(re.findall(r"^action:[ \t]*([a-z]+)", fields, re.M))
    statuses = re.findall(r"^status:[ \t]*([245]\.\d{1,3}\.\d{1,3})", fields, re.M)
    if actions and not actions & {"failed", "delayed"}:
        return Bounce()
    if not actions and statuses and all(status[0] == "2" for status in statuses):
        return Bounce()
    worst = max(statuses, default="") or _status(fields) or _status(text)
    told = report[:50_000].decode("utf-8", "replace").replace("\r\n", "\n")
    blocks = (each for each in told.split("\n\n")[: 2 * _FAILURES] if _RECIPIENT.search(each))
    failures = tuple(failure for each in blocks if (failure := _failure(each, worst)))[:_FAILURES]
    failures = failures or (Failure("", worst, "failed" in actions or _is_final(worst, "")),)
    return Bounce(True, _original(leaves, text, head), worst, failures=failures)


def _failure(block: str, status: str) -> Failure | None:
    """What a report says of one recipient; None of one it was delivered to. The address we wrote to comes first."""
    found = sorted((match[1].lower() != "original", match[2]) for match in _RECIPIENT.finditer(block))
    action = re.search(r"^action:[ \t]*([a-z]+)", block, re.I | re.M)
    if action and action[1].lower() not in ("failed", "delayed"):
        return None
    exact = re.search(r"^status:[ \t]*([245]\.\d{1,3}\.\d{1,3})", block, re.I | re.M)
    words = re.search(r"^diagnostic-code:[^;\n]{0,40};?[ \t]*([^\n]{1,300})", block, re.I | re.M)
    status = exact[1] if exact else status
    is_final = action[1].lower() == "failed" if action else _is_final(status, "")
    return Failure(charsets.nfc(found[0][1]).strip("<>"), status, is_final, charsets.nfc(words[1]) if words else "")


def _is_final(status: str, subject: str) -> bool:
    return not status.startswith("4") and _LATE.search(subject[:200]) is None


def _original(leaves: dict[str, bytes], text: str, head: Head) -> str:
    """The id of the mail that failed: from its copy, its headers, the text below the notice, or the thread headers."""
    for kind in ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"):
        if copy := leaves.get(kind):
            inner = read_head(copy, 0, min(len(copy), 200_000), outermost=True).first("message-id")
            if found := re.search(rb"<[^<>\s]{1,500}>", inner):
                return found[0].decode("ascii", "ignore")
    if below := _MESSAGE_ID.search(text[: 5 * _SAMPLE]):
        return below[1]
    for name in ("in-reply-to", "references", "x-original-message-id", "original-message-id"):
        if ids := re.findall(rb"<[^<>\s]{1,500}>", head.first(name)):
            return bytes(ids[-1]).decode("ascii", "ignore")
    return ""


def _status(text: str) -> str:
    text = text[:_SAMPLE]
    if exact := _STATUS.search(text):
        return exact[1]
    code = _REPLY_CODE.search(text)
    return f"{code[1]}.0.0" if code else ""


def _told_by_service(text: str) -> Bounce | None:
    """A bounce told in JSON (Amazon SES through SNS), or None."""
    if not text.lstrip()[:1] == "{" or "notificationType" not in text[:_SAMPLE] and "eventType" not in text[:_SAMPLE]:
        return None
    try:
        told, _ = json.JSONDecoder().raw_decode(text.lstrip()[:200_000])
        told = json.loads(told["Message"]) if isinstance(told.get("Message"), str) else told
        if (told.get("notificationType") or told.get("eventType")) != "Bounce":
            return None
        headers = told.get("mail", {}).get("commonHeaders") or {}
        identity = charsets.nfc(str(headers.get("messageId") or told["mail"].get("messageId") or ""))[:500]
        recipients = told.get("bounce", {}).get("bouncedRecipients") or [{}]
        status = charsets.nfc(str(recipients[0].get("status") or ""))[:12]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return None
    is_final = told["bounce"].get("bounceType") != "Transient" if isinstance(told.get("bounce"), dict) else True
    named = (each.get("emailAddress") for each in recipients[:_FAILURES] if isinstance(each, dict))
    failures = tuple(Failure(charsets.nfc(str(each or ""))[:320], status, is_final) for each in named)
    identity = identity if identity.startswith("<") or not identity else f"<{identity}>"
    return Bounce(True, identity, status, failures=failures)
