"""What machines write: reports, answers, lists, and people who sound like machines."""

import json

from tests.hostile import PARKED, SET_ASIDE, crlf, kind, letter, parts, piece, utf8

STATUS = (
    b"Reporting-MTA: dns; mx.example.com\r\n\r\nFinal-Recipient: rfc822; a@example.com\r\nAction: %s\r\nStatus: %s\r\n"
)
COPY = b"Message-ID: <nothing-of-ours@elsewhere.example>\r\nSubject: x\r\n\r\nold words\r\n"


def _report(me: bytes, action: bytes, status: bytes) -> bytes:
    return parts(
        me,
        piece(b"Content-Type: text/plain", b"I could not deliver it."),
        piece(b"Content-Type: message/delivery-status", STATUS % (action, status)),
        piece(b"Content-Type: message/rfc822", COPY),
        subtype=b"report; report-type=delivery-status",
        head=b"Subject: Undelivered Mail Returned to Sender\nAuto-Submitted: auto-replied\n",
    )


@kind(SET_ASIDE, files=None, words=["I could not deliver it."], gone=["old words"])
def a_report_of_a_failure_that_is_not_ours(me: bytes) -> bytes:
    return _report(me, b"failed", b"5.1.1")


@kind(SET_ASIDE, files=None)
def a_report_of_a_delay_that_is_not_ours(me: bytes) -> bytes:
    return _report(me, b"delayed", b"4.4.1")


@kind(SET_ASIDE, files=None)
def a_report_whose_parts_are_missing(me: bytes) -> bytes:
    return letter(
        me,
        b"Subject: Undelivered Mail\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n",
        b"user unknown",
    )


@kind(SET_ASIDE, files=None)
def a_report_that_a_service_tells_in_json(me: bytes) -> bytes:
    told = {
        "notificationType": "Bounce",
        "mail": {"messageId": "0-0-0"},
        "bounce": {"bouncedRecipients": [{"status": "5.1.1"}]},
    }
    return utf8(me, json.dumps(told), b"Subject: AWS Notification Message\n")


@kind(words=["[[["])
def json_without_an_end(me: bytes) -> bytes:
    return utf8(me, '{"notificationType": ' + "[" * 150_000)


@kind(PARKED, sender=None)
def a_failure_in_words_that_nobody_signed(me: bytes) -> bytes:
    return crlf(b"Return-Path: <>\nFrom: <>\nSubject: Undelivered mail\n\nuser unknown\n")


@kind(words=["The parcel could not be delivered"])
def a_person_whose_parcel_could_not_be_delivered(me: bytes) -> bytes:
    return utf8(me, "The parcel could not be delivered. Where is it?", b"Subject: Delivery problem\n")


@kind(words=["只今休暇中です。"])
def an_answer_from_somebody_on_leave(me: bytes) -> bytes:
    return utf8(
        me, "只今休暇中です。", "Subject: 自動返信: 不在です\nAuto-Submitted: auto-replied (vacation)\n".encode()
    )


@kind(words=["voice message"])
def a_message_left_with_a_machine(me: bytes) -> bytes:
    return utf8(me, "You have a voice message.", b"Subject: Voicemail\nAuto-Submitted: auto-generated\n")


@kind(words=["news"], files=())
def a_mailing_list(me: bytes) -> bytes:
    return utf8(
        me, "news", b"Subject: [list] x\nList-Id: <list.example.com>\nPrecedence: list\nSender: list@example.com\n"
    )


@kind(words=["complaint"], files=None)
def a_complaint_about_a_mail(me: bytes) -> bytes:
    return parts(
        me,
        piece(b"Content-Type: text/plain", b"complaint"),
        piece(b"Content-Type: message/feedback-report", b"Feedback-Type: abuse\r\n"),
        subtype=b"report; report-type=feedback-report",
    )


@kind(words=["was read"], files=None)
def a_receipt_that_a_mail_was_read(me: bytes) -> bytes:
    return parts(
        me,
        piece(b"Content-Type: text/plain", b"was read"),
        piece(b"Content-Type: message/disposition-notification", b"Disposition: manual-action\r\n"),
        subtype=b"report; report-type=disposition-notification",
    )


@kind(words=["hello"])
def a_person_whose_exchange_server_wants_no_answers(me: bytes) -> bytes:
    return letter(me, b"Subject: x\nX-Auto-Response-Suppress: DR, RN, NRN, OOF, AutoReply\n")


@kind(words=["hello"], subject="Re: 【自動返信】お問い合わせを受け付けました")
def a_person_who_answers_a_machine(me: bytes) -> bytes:
    return letter(me, "Subject: Re: 【自動返信】お問い合わせを受け付けました\n".encode())


@kind(words=["hello"])
def automatic_fields_that_are_nonsense(me: bytes) -> bytes:
    return letter(me, b"Subject: x\nAuto-Submitted: \xff\0(((\nPrecedence: " + b"x" * 60_000 + b"\nReturn-Path: >><<\n")


@kind(words=["x"], files=None)
def a_report_with_a_million_actions(me: bytes) -> bytes:
    return parts(
        me,
        piece(b"Content-Type: text/plain", b"x"),
        piece(b"Content-Type: message/delivery-status", b"Action: relayed\r\n" * 50_000),
        subtype=b"report; report-type=delivery-status",
    )
