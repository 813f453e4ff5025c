"""Due work by name: what the work engine calls, in its own threads, as often as it takes."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlmodel import Session

from helpdesk import (
    bulk,
    callbacks,
    calls,
    deliveries,
    digests,
    inbox,
    learning,
    notifications,
    posts,
    pushes,
    schedules,
    sla,
    sms,
    survey_lists,
    survey_sendings,
    survey_words,
    surveys,
    tickets,
    training,
)
from helpdesk.errors import Rejected, Unreachable
from helpdesk.reporting.values import Voice
from helpdesk.runtime.work import NotYet
from helpdesk.settings import Settings
from models import Agent, Call, CallOffer, CallState, Queue
from models.database import Database


class Jobs:
    """See helpdesk/reactions.py for what causes each. `means_to_train` tells what a training needs."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        postman: deliveries.Postman,
        *,
        clock: Callable[[], datetime],
        speak: Callable[[str], Voice],
        closing: threading.Event,
        means_to_train: Callable[[], training.Means],
    ) -> None:
        self.database = database
        self.settings = settings
        self.postman = postman
        self.clock = clock
        self.speak = speak
        self._closing = closing
        self._means_to_train = means_to_train
        self._silent_services: set[str] = set()  # push services that did not answer when last asked

    def by_name(self) -> dict[str, Callable[..., None]]:
        """What does each."""
        return {
            "send_mail": self._send_mail,
            "ask_customer": self._ask_customer,
            "send_sms": self._send_sms,
            "ask_listed": self._ask_listed,
            "mail_survey": self._mail_survey,
            "send_survey": self._send_survey,
            "wake_ticket": self._wake_ticket,
            "connect_call": self._connect_call,
            "take_call": self._take_call,
            "ring_agent": self._ring_agent,
            "tell_caller": self._tell_caller,
            "post_to_system": self._post_to_system,
            "bulk": self._bulk,
            "send_push": self._send_push,
            "send_digest": self._send_digest,
            "send_report": self._send_report,
            "send_report_now": self._send_report_now,
            "train_router": self._train_router,
            "train_nightly": self._train_nightly,
            "recount_promises": self._recount_promises,
        }

    def _send_mail(self, message_id: int) -> None:
        """Hand one mail over, if it is due; see helpdesk/deliveries.py."""
        self.postman.deliver(message_id)

    def _post_to_system(self, post_id: int) -> None:
        """Tell another system what a rule says; see helpdesk/posts.py."""
        posts.deliver(self.database, post_id, settings=self.settings, clock=self.clock)

    def _ask_customer(self, ask_id: int) -> None:
        """Send a survey's question; see helpdesk/surveys.py."""
        self.database.write_now(surveys.ask, ask_id, settings=self.settings, now=self.clock())

    def _ask_listed(self, ask_id: int) -> None:
        """Ask somebody of a list; see helpdesk/survey_lists.py."""
        self.database.write_now(survey_lists.ask, ask_id, settings=self.settings, now=self.clock())

    def _mail_survey(self, ask_id: int) -> None:
        """Mail a survey to somebody of a list; see helpdesk/survey_lists.py."""
        claimed = self.database.write_now(survey_lists.mail, ask_id, settings=self.settings, now=self.clock())
        if claimed is None:
            return
        try:
            self.postman.post(claimed[0], sender=self.settings.mail_from, recipient=claimed[1])
        except Unreachable:
            self.database.write_now(survey_lists.went_back, ask_id)
            raise
        except Rejected:
            self.database.write_now(survey_lists.went_back, ask_id, reason="unreachable")

    def _send_survey(self, sending_id: int) -> None:
        """Put a survey to a segment, or count whom it would reach; see helpdesk/survey_sendings.py."""
        told: dict[str, Any] = {"settings": self.settings, "clock": self.clock, "is_closing": self._closing.is_set}
        survey_sendings.walk(self.database, sending_id, **told)

    def _send_sms(self, ask_id: int) -> None:
        """Send a survey's short message; see helpdesk/sms.py."""
        words = partial(survey_words.sms_words, settings=self.settings)
        sms.deliver(self.database, ask_id, words, settings=self.settings, now=self.clock())

    def _bulk(self, bulk_id: int) -> None:
        """Change many tickets, a batch at a time; see helpdesk/bulk.py."""
        while self.database.write_now(bulk.go_on, bulk_id, now=self.clock()):
            if self._closing.is_set():
                raise NotYet(1.0)

    def _wake_ticket(self, ticket_id: int, until_at: float) -> None:
        """Open a ticket whose rest is over. The engine's clock may be a little ahead of the desk's."""
        at, now = datetime.fromtimestamp(until_at, UTC), self.clock()
        if now < at:
            raise NotYet((at - now).total_seconds())
        self.database.write_now(tickets.wake, ticket_id, at, now=now)

    def _connect_call(self, call_id: int, target: str) -> None:
        """Put a waiting caller through. Not again once an agent has answered: that would tear the two apart."""
        call = self.database.read_now(lambda db: db.get(Call, call_id))
        if call is None or call.state == CallState.ENDED or self.database.read_now(calls.is_answered, call_id):
            return
        callbacks.connect(self.settings, call.call_key, target)

    def _take_call(self, call_id: int, target: str) -> None:
        """Put a caller through to who took the call over, away from whoever had it."""
        call = self.database.read_now(lambda db: db.get(Call, call_id))
        if call is not None and call.state != CallState.ENDED:
            callbacks.connect(self.settings, call.call_key, target)

    def _ring_agent(self, offer_id: int) -> None:
        """Ring the agent a waiting call is offered to, while the offer stands."""

        def look(db: Session) -> tuple[str, str, int] | None:
            offer = db.get(CallOffer, offer_id)
            call = db.get(Call, offer.call_id) if offer and offer.ended_at is None else None
            if offer is None or call is None or call.state != CallState.RINGING:
                return None
            agent, queue = db.get(Agent, offer.agent_id), db.get(Queue, call.queue_id)
            phone = agent.phone if agent and self.settings.can_command(call.source) else ""
            return (call.call_key, phone, queue.ring_seconds if queue else 0) if phone else None

        if found := self.database.read_now(look):
            callbacks.connect(self.settings, found[0], found[1], timeout_seconds=found[2])

    def _tell_caller(self, call_id: int) -> None:
        """Say to a waiting caller what the desk decided: that nobody can come, and what happens instead."""

        def look(db: Session) -> tuple[str, str] | None:
            call = db.get(Call, call_id)
            if call is None or call.state != CallState.RINGING:
                return None
            return call.call_key, callbacks.voice_answer(db, call.call_key, settings=self.settings, greets=False)

        if found := self.database.read_now(look):
            callbacks.tell(self.settings, *found)

    def _send_push(self, subscription_id: int, what: str, number: int, until: str) -> None:
        """Knock at one browser, while it is worth it; see helpdesk/pushes.py."""
        end, at = datetime.fromisoformat(until), self.clock()
        if at >= end:
            if self._silent_services:
                self.database.write_now(pushes.given_up, subscription_id, silent=self._silent_services, now=at)
            return
        knock = self.database.read_now(pushes.prepare, subscription_id, what, number, settings=self.settings)
        if knock is None:
            return
        try:
            listens = pushes.send(knock, until=end, settings=self.settings, now=at)
        except Unreachable:
            self._silent_services.add(knock.service)
            raise
        self._silent_services.discard(knock.service)
        if not listens:
            self.database.write_now(pushes.ended, subscription_id, now=at)

    def _send_digest(self, agent_id: int, first_id: int) -> None:
        """Mail an agent what is unread; see helpdesk/digests.py."""
        told: dict[str, Any] = {"settings": self.settings, "now": self.clock()}
        letter = self.database.read_now(digests.compose, agent_id, first_id, **told)
        if letter is not None:
            raw, recipient, ids = letter
            self.postman.post(raw, sender=self.settings.mail_from, recipient=recipient)
            self.database.write_now(notifications.mailed, ids, now=self.clock())

    def _send_report(self, mail_id: int) -> None:
        """Mail a report to one recipient; see helpdesk/schedules.py."""
        schedules.deliver(
            self.database, self.postman, mail_id, settings=self.settings, speak=self.speak, now=self.clock()
        )

    def _send_report_now(self, schedule_id: int, agent_id: int, at: str) -> None:
        """The same for whom it was asked by hand."""
        schedules.deliver_now(
            self.database, self.postman, schedule_id, agent_id, datetime.fromisoformat(at), settings=self.settings,
            speak=self.speak,
        )  # fmt: skip

    def _train_router(self, training_id: int) -> None:
        """Learn from the desk's own outcomes; see helpdesk/training.py."""
        training.run(self._means_to_train(), training_id)

    def _train_nightly(self) -> None:
        """Once a night; the training itself is work of its own, so that either may be run again."""
        self.database.write_now(learning.ask, by=None, now=self.clock(), is_nightly=True)

    def _recount_promises(self) -> None:
        """Let open tickets follow a policy or a calendar that was changed, some at a time: calls and mails go first."""
        above = -1
        while above != 0:
            above = self.database.write_now(sla.recount, above=above, now=self.clock())

    def gave_up(self, name: str, args: list[Any], error: Exception) -> None:
        """Park it, and in the same transaction let its message say that it did not leave: a replay begins there."""
        message_id = args[0] if name == "send_mail" else None
        post_id = args[0] if name == "post_to_system" else None
        code = str(error) if isinstance(error, Rejected | Unreachable) else "unexpected"

        def give_up(db: Session) -> None:
            inbox.park_work(db, name, error, message_id=message_id, post_id=post_id, now=self.clock())
            if message_id is not None:
                deliveries.given_up(db, message_id, error=code, now=self.clock())
            if name == "send_report":
                schedules.given_up(db, args[0], error=code, now=self.clock())

        self.database.write_now(give_up)
