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
        "by_keywords": N_("Holds key words of this queue"),
    },
    "training_state": {
        "waiting": N_("Waiting to begin"),
        "running": N_("Learning"),
        "promoted": N_("In use"),
        "candidate": N_("Not put to use"),
        "unchanged": N_("Nothing to learn"),
        "failed": N_("Did not succeed"),
    },
    "training_reason": {
        "not_worse": N_("In no language worse than the model before, so it decides from now on."),
        "worse_on_own": N_("On this desk's newest inquiries it was right less often than the present model."),
        "worse_on_test": N_("On the test texts it was right less often than the present model."),
        "worse_than_shipped": N_("On the test texts it was right less often than the model that came with the desk."),
        "few_new_outcomes": N_("Too few tickets were moved or resolved since the last time."),
        "no_examples": N_("No ticket has been moved or resolved yet that it could learn from."),
        "nothing_usable": N_("None of the examples can teach: no readable words, or too few of a new queue."),
        "one_label": N_("All examples belong to one queue; a model chooses between at least two."),
        "learner_failed": N_("The learning process ended with an error. The present model goes on."),
        "took_too_long": N_("Learning took too long and was ended. The present model goes on."),
        "crashed": N_("Learning was interrupted several times. The present model goes on."),
        "unexpected": N_("Something went wrong while learning. The present model goes on."),
    },
    "turn_reason": {
        "trained": N_("Learned from this desk's tickets"),
        "by_hand": N_("Chosen by a supervisor"),
        "rolled_back": N_("Rolled back"),
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
        "training_asked": N_("The desk will learn from its tickets now. This takes a minute or two."),
        "model_changed": N_("Another version decides from now on."),
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
        "no_such_model": N_("This version of the classifier is no longer kept."),
        "model_unusable": N_("The file of this version was changed or damaged, so it cannot be used."),
        "nothing_before": N_("There is no earlier version to go back to."),
        "queue_name_missing": N_("Please enter the queue's name."),
        "not_a_short_name": N_("Please use 2 to 40 small letters, digits and underscores, beginning with a letter."),
        "not_a_keyword": N_("A key word has two characters or more, or is one kanji, and 50 at most."),
        "too_many_keywords": N_("A queue can have 200 key words at most."),
        "not_a_share": N_("Please enter a number from 0 to 100."),
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
