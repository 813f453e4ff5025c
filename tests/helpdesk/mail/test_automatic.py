"""Is it a bounce, is it automatic, may we answer automatically: three questions, never one."""

import json

import pytest

from helpdesk.mail import parse


def read(head: str, body: str = "お世話になっております。", sender: str = "hanako@example.com"):
    return parse.read(f"From: {sender}\n{head}\n\n{body}".encode())


def test_a_persons_mail_may_be_answered():
    email = read("Subject: 返品について\nReturn-Path: <hanako@example.com>\nAuto-Submitted: no")
    assert (email.is_bounce, email.is_automatic, email.may_answer_automatically) == (False, False, True)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("Auto-Submitted: auto-replied", "auto_replied"),
        ("Auto-Submitted: auto-generated (monitoring)", "auto_generated"),
        ('Auto-Submitted: auto-notified; owner-email="x@example.com"', "auto_replied"),
        ("X-Autoreply: yes", "auto_reply_header"),
        ("X-Autoresponder: x", "auto_reply_header"),
        ("Precedence: bulk", "precedence"),
        ("Precedence: auto_reply", "precedence"),
        ("List-Id: <news.example.com>", "mailing_list"),
        ("List-Unsubscribe: <mailto:x@example.com>", "mailing_list"),
        ("Precedence: list", "mailing_list"),
        ("List-Id: <news.example.com>\nSubject: 自動応答: 修理の件", "subject"),
        ("Return-Path: <>", "null_sender"),
        ("Subject: 【自動返信】お問い合わせを受け付けました", "subject"),
        ("Subject: 自動応答: 修理の件", "subject"),
        ("Subject: 【不在】佐藤です", "subject"),
        ("Subject: 不在通知", "subject"),
        ("Subject: Automatic reply: your order", "subject"),
        ("Subject: Out of Office: back on Monday", "subject"),
        ("Subject: 開封済み: お見積り", "subject"),
        ("Content-Type: multipart/report; report-type=disposition-notification; boundary=b", "read_receipt"),
        ("Content-Type: multipart/report; report-type=feedback-report; boundary=b", "complaint"),
    ],
)
def test_a_machines_mail_says_so_in_its_head_or_subject(head, reason):
    email = read(head)
    assert (email.is_automatic, email.automatic_reason, email.may_answer_automatically) == (True, reason, False)
    assert not email.is_bounce


@pytest.mark.parametrize(
    "sender",
    [
        "no-reply@example.com",
        "noreply@example.com",
        "donotreply@x.example",
        "shop-noreply@example.com",
        "MAILER-DAEMON@example.com",
        "bounces+42@example.com",
        "no_reply@example.jp",
    ],
)
def test_nobody_reads_what_is_sent_to_a_robot(sender):
    email = read("Subject: ご注文の確認", sender=sender)
    assert email.is_automatic and not email.may_answer_automatically and not email.is_bounce


@pytest.mark.parametrize(
    "sender",
    ["norio@example.com", "reply@example.com", "nora.eply@example.com", "postman@example.com", "autor@example.com"],
)
def test_a_persons_address_is_not_taken_for_a_robots(sender):
    assert read("Subject: x", sender=sender).may_answer_automatically


@pytest.mark.parametrize(
    "subject",
    [
        "Re: 【自動返信】お問い合わせを受け付けました",
        "不在票が入っていました",
        "ご不在連絡票の件",
        "不在連絡票について",
        "自動販売機の故障",
        "配信エラーが表示されます",
        "メールが届きません",
        "不在時の再配達",
        "返信がありません",
        "Read the manual, still broken",
    ],
)
def test_a_persons_subject_is_not_taken_for_a_robots(subject):
    email = read(f"Subject: {subject}", "配信できませんと表示されます。user unknown とも出ます。")
    assert (email.is_automatic, email.is_bounce) == (False, False)


def test_exchange_marks_human_mail_too_which_only_forbids_an_answer():
    email = read("Subject: 質問\nX-Auto-Response-Suppress: All")
    assert (email.is_automatic, email.may_answer_automatically) == (False, False)


def test_a_loop_mark_forbids_an_answer_only():
    email = read("Subject: 質問\nX-Loop: support@example.com")
    assert (email.is_automatic, email.may_answer_automatically) == (False, False)


# Bounces ------------------------------------------------------------------------------------------------------------


def report(action: str, status: str) -> str:
    return (
        "--b\nContent-Type: text/plain\n\nnotice\n--b\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; mx\n\n"
        f"Final-Recipient: rfc822; x@example.com\nAction: {action}\nStatus: {status}\n"
        "--b\nContent-Type: text/rfc822-headers\n\n"
        "From: support@example.jp\nMessage-ID: <ours@example.jp>\n--b--\n"
    )


REPORT = 'Subject: Delivery Status\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"'


@pytest.mark.parametrize(("action", "status"), [("failed", "5.1.1"), ("delayed", "4.4.7"), ("failed", "5.2.2")])
def test_a_delivery_report_names_the_mail_and_the_status(action, status):
    email = read(REPORT, report(action, status), sender="mailer-daemon@example.com")
    assert (email.is_bounce, email.bounced_message_id, email.bounce_status) == (True, "<ours@example.jp>", status)
    assert email.automatic_reason == "bounce" and not email.may_answer_automatically


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_a_report_of_success_is_no_bounce(action):
    email = read(REPORT, report(action, "2.1.5"), sender="mailer-daemon@example.com")
    assert (email.is_bounce, email.automatic_reason) == (False, "delivery_report")


@pytest.mark.parametrize(
    ("sender", "subject", "body", "status"),
    [
        ("MAILER-DAEMON@ezweb.ne.jp", "メールエラー通知", "宛先のメールアドレスが見つかりませんでした。", ""),
        ("no-reply@ezweb.ne.jp", "メールエラー通知", "次の宛先へ送信できませんでした。", ""),
        ("post_master@vtext.example", "Undeliverable message", "user unknown", ""),
        ("postmaster@outlook.example", "配信不能: 修理の件", "550 5.1.10 RESOLVER.ADR.RecipientNotFound", "5.1.10"),
        (
            "mailer-daemon@googlemail.example",
            "Delivery Status Notification (Failure)",
            "The response was: 550-5.1.1 no such user",
            "5.1.1",
        ),
        ("mailer-daemon@yahoo.example", "Failure Notice", "Remote host said: 554 delivery error", "5.0.0"),
    ],
)
def test_a_notice_in_plain_text_is_a_bounce(sender, subject, body, status):
    email = read(f"Subject: {subject}", body + "\n\nMessage-ID: <ours@example.jp>", sender=sender)
    assert (email.is_bounce, email.bounced_message_id, email.bounce_status) == (True, "<ours@example.jp>", status)


def test_failed_recipients_in_the_head_make_a_bounce():
    assert read("Subject: x\nX-Failed-Recipients: y@example.com").is_bounce


def test_a_bounce_told_in_json_is_understood():
    inner = {
        "notificationType": "Bounce",
        "bounce": {"bouncedRecipients": [{"status": "5.1.1"}]},
        "mail": {"messageId": "abc@x"},
    }
    for body in (json.dumps(inner), json.dumps({"Type": "Notification", "Message": json.dumps(inner)})):
        email = read("Subject: AWS Notification Message", body, sender="no-reply@sns.example.com")
        assert (email.is_bounce, email.bounced_message_id, email.bounce_status) == (True, "<abc@x>", "5.1.1")


@pytest.mark.parametrize(
    "body", ['{"notificationType":', '{"notificationType":"Bounce","mail":[]}', '{"notificationType":"Delivery"}']
)
def test_json_that_tells_no_bounce_is_only_mail(body):
    assert not read("Subject: x", body).is_bounce


def test_a_bounce_without_any_sender_is_not_parked():
    email = parse.read(f"From: <>\n{REPORT}\n\n{report('failed', '5.0.0')}".encode())
    assert (email.is_bounce, email.unreadable) == (True, "")


def test_a_person_writing_from_a_postmasters_address_is_a_person():
    assert not read(
        "Subject: ドメイン移管のお願い", "移管の手続きを教えてください。", sender="postmaster@example.com"
    ).is_bounce


def test_a_persons_answer_from_a_postmasters_address_is_no_bounce():
    email = read("Subject: Re: 配信エラーの件", "550 5.1.1 User unknown でした。", sender="postmaster@example.com")
    assert not email.is_bounce


def test_mail_about_bounces_from_a_person_is_no_bounce():
    email = read(
        "Subject: Undelivered Mail Returned to Sender と出ます",
        "5.1.1 User unknown と表示されました。どうすればよいですか。",
    )
    assert (email.is_bounce, email.is_automatic, email.may_answer_automatically) == (False, False, True)
