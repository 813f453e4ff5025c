"""The one place where the desk's codes become sentences.

Verbs, exceptions and events carry codes and facts ("agent_not_in_queue", "ticket_moved"). Only the face speaks, and it
speaks from this table: `WORDS[group][code]` is an English sentence whose translations live in `locale/`. A code that is
not here is shown as it is, so a new one is visible and never blank.
"""

from collections.abc import Callable


def N_(message: str) -> str:
    """Marks a sentence for translation; the translating happens when the reader's language is known."""
    return message


WORDS: dict[str, dict[str, str]] = {
    "ticket_state": {
        "open": N_("Open"),
        "pending": N_("Pending"),
        "resolved": N_("Resolved"),
    },
    "channel": {
        "mail": N_("E-mail"),
        "phone": N_("Phone"),
        "form": N_("Web form"),
    },
    "role": {
        "agent": N_("Agent"),
        "supervisor": N_("Supervisor"),
    },
    "language": {
        "ja": N_("Japanese"),
        "en": N_("English"),
        "": N_("Not known"),
    },
    "theme": {
        "": N_("Same as the system"),
        "light": N_("Light"),
        "dark": N_("Dark"),
    },
    "agent_state": {
        "ready": N_("Ready"),
        "busy": N_("On a call"),
        "wrap_up": N_("Wrap-up"),
        "away": N_("Away"),
        "offline": N_("Offline"),
    },
    "state_reason": {
        "break": N_("Break"),
        "lunch": N_("Lunch"),
        "meeting": N_("Meeting"),
        "training": N_("Training"),
        "admin": N_("Desk work"),
        "ring_no_answer": N_("Did not pick up"),
        "system": N_("Set by the desk"),
    },
    "match": {
        "verified": N_("Verified number"),
        "profile": N_("Registered number"),
        "learned": N_("Learned from an earlier call"),
        "ticket": N_("Known from a ticket"),
        "signature": N_("Guessed from a signature"),
        "several": N_("Several customers share this number"),
        "nobody": N_("Unknown number"),
        "withheld": N_("Number withheld"),
    },
    "source": {
        "verified": N_("verified"),
        "profile": N_("registered"),
        "learned": N_("learned from a call"),
        "ticket": N_("from a ticket"),
        "signature": N_("from a signature"),
        "import": N_("imported"),
        "agent": N_("entered by an agent"),
    },
    "routing": {
        "by_address": N_("Sent to an address of this queue"),
        "by_dialed_number": N_("Dialed this queue's number"),
        "by_open_ticket": N_("Continues an open ticket"),
        "by_thread": N_("Reply to an earlier message"),
        "by_classifier": N_("Decided by the classifier"),
        "nobody_sure": N_("Nothing was sure enough; please choose the queue"),
        "no_words_yet": N_("No words to read yet; please choose the queue"),
        "by_agent": N_("Chosen by an agent"),
    },
    "urgency": {
        "deadline": N_("Deadline"),
        "safety": N_("Safety"),
        "legal": N_("Legal"),
        "business_stopped": N_("Work at a stop"),
        "demand": N_("Asks for action now"),
    },
    "sentiment": {
        "positive": N_("Pleased"),
        "neutral": N_("Neutral"),
        "negative": N_("Displeased"),
    },
    "guess": {
        "urgency": N_("Urgency"),
        "sentiment": N_("Feeling"),
        "language": N_("Language"),
        "similar": N_("Similar solved tickets"),
    },
    "disposition": {
        "solved": N_("Solved"),
        "follow_up": N_("Needs follow-up"),
        "call_back": N_("Call back"),
        "transferred": N_("Transferred"),
        "wrong_number": N_("Wrong number"),
        "no_answer": N_("No answer"),
        "other": N_("Other"),
    },
    "call_state": {
        "ringing": N_("Ringing"),
        "talking": N_("Talking"),
        "held": N_("On hold"),
        "wrap_up": N_("Wrap-up"),
        "ended": N_("Ended"),
    },
    "call_outcome": {
        "answered": N_("Answered"),
        "missed": N_("Missed"),
        "abandoned": N_("Caller hung up"),
        "rejected": N_("Rejected"),
        "voicemail": N_("Voicemail"),
    },
    "direction": {
        "in": N_("Incoming"),
        "out": N_("Outgoing"),
    },
    "call_filter": {
        "": N_("All calls"),
        "all": N_("All calls"),
        "today": N_("Today"),
        "mine": N_("My calls"),
        "missed": N_("Missed"),
        "abandoned": N_("Caller hung up"),
        "live": N_("Going on now"),
    },
    "sort": {
        "newest": N_("Newest first"),
        "oldest": N_("Oldest first"),
    },
    "message_state": {
        "received": N_("Received"),
        "queued": N_("Waiting to be sent"),
        "sent": N_("Sent"),
        "failed": N_("Could not be sent"),
    },
    "purchase_status": {
        "ordered": N_("Ordered"),
        "shipped": N_("Shipped"),
        "delivered": N_("Delivered"),
        "returned": N_("Returned"),
        "canceled": N_("Canceled"),
        "cancelled": N_("Canceled"),
        "refunded": N_("Refunded"),
    },
    "mailbox_state": {
        "new": N_("Connecting…"),
        "connected": N_("Connected"),
        "failing": N_("Not connected"),
        "paused": N_("Paused"),
    },
    "mailbox_security": {
        "tls": N_("TLS (port 993)"),
        "starttls": N_("STARTTLS (port 143)"),
    },
    "mailbox_auth": {
        "password": N_("Password"),
        "xoauth2": N_("OAuth 2.0 (Microsoft, Google)"),
    },
    "mailbox_after": {
        "seen": N_("Mark as read"),
        "move": N_("Move to another folder"),
        "nothing": N_("Leave it as it is"),
    },
    "parked_kind": {
        "mail": N_("E-mail"),
        "callback": N_("Telephone callback"),
        "work": N_("Due work"),
    },
    "fact": {
        "ticket_opened": N_("Ticket opened"),
        "ticket_moved": N_("%(by)s moved this from %(from_queue)s to %(to_queue)s"),
        "ticket_assigned": N_("%(by)s assigned this to %(to)s"),
        "ticket_unassigned": N_("%(by)s took the assignment off"),
        "ticket_resolved": N_("%(by)s resolved this ticket"),
        "ticket_reopened": N_("The ticket was reopened"),
        "ticket_merged": N_("Merged with #%(from_ticket)s"),
        "customer_linked": N_("%(by)s linked the customer"),
        "message_failed": N_("A message could not be sent"),
        "call_wrapped_up": N_("%(by)s finished the wrap-up"),
        "call_ringing": N_("A call is ringing"),
        "call_answered": N_("The call was answered"),
        "call_ended": N_("The call ended"),
        "mail_received": N_("An e-mail arrived"),
        "mail_sent": N_("A reply was sent"),
        "mail_dropped": N_("An e-mail was dropped into the mailbox"),
        "call_placed": N_("A call was placed"),
        "answer_dropped": N_("The customer answered by e-mail"),
    },
    # The same facts when no person stated them.
    "fact_unsigned": {
        "ticket_moved": N_("Moved from %(from_queue)s to %(to_queue)s"),
        "ticket_assigned": N_("Assigned to %(to)s"),
        "ticket_unassigned": N_("The assignment was taken off"),
        "ticket_resolved": N_("The ticket was resolved"),
        "customer_linked": N_("The customer was linked"),
    },
    "notice": {
        "saved": N_("Saved."),
        "sent": N_("The reply is on its way."),
        "noted": N_("The note was saved."),
        "assigned": N_("Assigned to %(agent)s."),
        "unassigned": N_("Nobody is assigned now."),
        "moved": N_("Moved to %(queue)s."),
        "moved_away": N_("Handed over. The ticket is no longer in your queues."),
        "resolved": N_("The ticket is resolved."),
        "reopened": N_("The ticket is open again."),
        "customer_linked": N_("Linked to %(customer)s."),
        "customer_created": N_("%(customer)s was added to the customers."),
        "wrapped_up": N_("Wrap-up finished."),
        "state_changed": N_("Your state was changed."),
        "password_changed": N_("Your password was changed."),
        "account_saved": N_("Your settings were saved."),
        "replayed": N_("It was tried again."),
        "dismissed": N_("Dismissed."),
        "call_rings": N_("The call is ringing."),
        "call_hung_up": N_("The caller hung up."),
        "mail_answered": N_("The answer was put into the mailbox."),
        "mail_dropped": N_("The e-mail was put into the mailbox."),
        "signed_out": N_("You are signed out."),
        "mailbox_paused": N_("The mailbox is paused."),
        "mailbox_resumed": N_("The desk connects to the mailbox now."),
        "mailbox_deleted": N_("The mailbox was deleted."),
    },
    "error": {
        "wrong_sign_in": N_("This address and password do not belong together."),
        "too_many_attempts": N_("Too many attempts. Please wait a few minutes and try again."),
        "name_missing": N_("Please enter a name."),
        "company_missing": N_("Please enter the company's name."),
        "reading_not_kana": N_("Please write the reading in hiragana or katakana."),
        "not_a_phone_number": N_("This is not a phone number."),
        "not_an_address": N_("This is not an e-mail address."),
        "too_many_recipients": N_("A reply can go to 100 addresses at most."),
        "password_too_short": N_("Please choose a password of at least 10 characters."),
        "password_too_common": N_("This password is too easy to guess."),
        "wrong_password": N_("The present password is not correct."),
        "wrong_setup_code": N_("This is not the setup code. It was printed when the desk started."),
        "taken": N_("This is already in use."),
        "not_found": N_("There is nothing here, or it is not yours to see."),
        "not_allowed": N_("You may not do this."),
        "agent_not_in_queue": N_("This agent does not work in the ticket's queue."),
        "already_accepted": N_("Somebody else has already accepted this call."),
        "call_is_over": N_("This call is over."),
        "no_outgoing_mail_server": N_("No outgoing mail server is set up yet, so replies cannot be sent."),
        "no_address": N_("This customer has no e-mail address."),
        "no_customer": N_("First choose who the customer is."),
        "body_missing": N_("Please write something first."),
        "disposition_missing": N_("Please choose how the call ended."),
        "already_resolved": N_("This ticket is already resolved."),
        "already_open": N_("This ticket is already open."),
        "too_large": N_("This is larger than the desk can take."),
        "no_sender": N_("The message names no sender."),
        "empty": N_("The message is empty."),
        "unreadable": N_("The message could not be read."),
        "reader_failed": N_("The message could not be read."),
        "smtp_refused": N_("The mail server refused the message."),
        "bounced": N_("The message came back undelivered."),
        "smtp_unreachable": N_("The mail server cannot be reached."),
        "forbidden_origin": N_("This request came from another site and was not carried out."),
        "signed_out": N_("You were signed out. Please sign in again."),
        "unsupported_language": N_("Please choose one of the offered languages."),
        "wrong_method": N_("This page cannot be used that way."),
        "bad_request": N_("The request could not be understood."),
        "already_set_up": N_("This desk is already set up. Please sign in."),
        "unknown_choice": N_("Please choose one of the offered answers."),
        "unknown_state": N_("Please choose one of the offered states."),
        "unknown_reason": N_("Please choose one of the offered reasons."),
        "already_settled": N_("This was already settled."),
        "not_failed": N_("This message did not fail."),
        "not_json": N_("What the telephone system sent is not JSON."),
        "not_an_object": N_("What the telephone system sent has the wrong form."),
        "no_telephone_to_ring": N_("No telephone is set for this agent."),
        "broken": N_("Something went wrong on our side. It has been recorded."),
        "unexpected": N_("Something went wrong on our side. It has been recorded."),
        "busy": N_("The desk is busy right now. Please try again in a moment."),
        "not_a_host": N_("This is not the name of a server."),
        "not_a_port": N_("A port is a number from 1 to 65535."),
        "not_a_date": N_("This is not a date."),
        "user_missing": N_("Please enter the user name."),
        "secret_missing": N_("Please enter it. When server, account or sign-in change, a stored one is not used."),
        "client_id_missing": N_("Please enter the client ID."),
        "folder_missing": N_("Please enter a folder."),
        "same_folder": N_("Please choose another folder than the one mail is collected from."),
        "secret_lost": N_("The stored password can no longer be opened. Please enter it again."),
        "imap_no_host": N_("There is no server of this name."),
        "imap_unreachable": N_("No mail server answers at this address and port."),
        "imap_timeout": N_("The mail server takes too long to answer."),
        "imap_not_ready": N_("The mail server does not take connections just now."),
        "imap_certificate": N_("The server's certificate does not belong to this name, or nobody vouches for it."),
        "imap_no_tls": N_("The server does not speak TLS on this port."),
        "imap_no_starttls": N_("The server does not offer STARTTLS, so no password is sent to it."),
        "imap_wrong_password": N_("The server does not accept this user name and password."),
        "imap_no_login": N_("The server does not accept passwords."),
        "imap_wrong_token": N_("The server does not accept the sign-in for this user."),
        "imap_no_folder": N_("There is no such folder in the mailbox."),
        "imap_no_move_folder": N_("The folder to move mail to is not there, or mail cannot be moved to it."),
        "imap_no_uids": N_("This server does not number its mail, so it cannot be collected safely."),
        "imap_cannot_mark": N_("The server does not let the desk mark mail. It is collected all the same."),
        "imap_busy": N_("The mail server is busy. It will be tried again."),
        "imap_closed": N_("The mail server closed the connection. It will be tried again."),
        "imap_lost": N_("The connection to the mail server broke. It will be tried again."),
        "imap_refused": N_("The mail server refused a request. It will be tried again."),
        "imap_garbled": N_("The mail server's answer could not be understood."),
        "oauth_not_https": N_("The token address begins with https://."),
        "oauth_unreachable": N_("The sign-in provider cannot be reached."),
        "oauth_certificate": N_("Nobody vouches for the certificate of the sign-in provider."),
        "oauth_refused": N_("The sign-in provider refused the client or the refresh token."),
        "not_handed_over": N_("The mail server does not hand this mail over. It is still in the mailbox."),
        "mailbox_held": N_("Another process collects from this mailbox."),
    },
    "status": {
        "400": N_("That did not work"),
        "403": N_("Not allowed"),
        "404": N_("Nothing here"),
        "409": N_("Somebody was faster"),
        "413": N_("Too large"),
        "422": N_("Please check what you entered"),
        "429": N_("Please wait a moment"),
        "500": N_("Something went wrong"),
        "503": N_("Busy right now"),
    },
}


class _Facts(dict[str, object]):
    """Facts a sentence may name; one that was not recorded leaves a dash, because history must stay readable."""

    def __missing__(self, name: str) -> str:
        return "–"


def sentence(gettext: Callable[[str], str], group: str, code: str, facts: dict[str, object] | None = None) -> str:
    """What to say for a code of one group, in the language of `gettext`.

    The answer is plain text, to be escaped like any other. An unknown code is returned as it is.
    """
    message = WORDS[group].get(code)
    if group == "fact" and not (facts or {}).get("by"):
        message = WORDS["fact_unsigned"].get(code, message)
    if message is None:
        return code
    translated = gettext(message)
    return translated % _Facts(facts or {}) if "%(" in message else translated


def codes(group: str) -> tuple[str, ...]:
    """The codes of a group in the order in which a person should be offered them."""
    return tuple(WORDS[group])
