"""Every key that does something, in one table: the help is drawn from it, and the script reads it there.

Keys that are a single letter can be switched off by each agent (WCAG 2.1.4); those with Ctrl or Cmd and those that
belong to a field always work. `act` is what web/static/js/keys.js does; "" stands for what the browser does by itself.
"""

from dataclasses import dataclass

from web.words import N_


@dataclass(frozen=True, slots=True)
class Shortcut:
    """One line of the help. `keys` as they are pressed one after the other; "Ctrl+K" is held together."""

    keys: tuple[str, ...]
    act: str
    words: str

    @property
    def is_letter(self) -> bool:
        """Whether it can be switched off."""
        return bool(self.act) and not any("+" in key for key in self.keys)


SHORTCUTS: dict[str, tuple[Shortcut, ...]] = {
    N_("Everywhere"): (
        Shortcut(("Ctrl+K",), "palette", N_("Search and commands")),
        Shortcut(("/",), "palette", N_("The same, while not writing")),
        Shortcut(("l",), "bell", N_("Notifications")),
        Shortcut(("?",), "help", N_("This help")),
        Shortcut(("Esc",), "", N_("Close, or leave the field")),
    ),
    N_("Lists"): (
        Shortcut(("j",), "next", N_("Next line")),
        Shortcut(("k",), "previous", N_("Previous line")),
        Shortcut(("Enter",), "", N_("Open the line")),
        Shortcut(("x",), "choose", N_("Choose the ticket, for several at once")),
        Shortcut(("X",), "chosen", N_("What to do with the chosen tickets")),
    ),
    N_("Go to"): (
        Shortcut(("g", "i"), "go:/inbox", N_("Inbox")),
        Shortcut(("g", "m"), "go:/inbox?view=mine", N_("My tickets")),
        Shortcut(("g", "u"), "go:/inbox?view=unassigned", N_("Unassigned")),
        Shortcut(("g", "c"), "go:/calls", N_("Calls")),
        Shortcut(("g", "b"), "go:/callbacks", N_("Call-backs")),
        Shortcut(("g", "k"), "go:/customers", N_("Customers")),
        Shortcut(("g", "q"), "go:/queues", N_("Live view")),
        Shortcut(("g", "n"), "go:/notifications", N_("Notifications")),
    ),
    N_("Ticket"): (
        Shortcut(("r",), "reply", N_("Reply")),
        Shortcut(("n",), "note", N_("Note")),
        Shortcut(("a",), "assign", N_("Assign")),
        Shortcut(("i",), "assign_me", N_("Assign to me")),
        Shortcut(("e",), "resolve", N_("Resolve or reopen")),
        Shortcut(("v",), "move", N_("Move to another queue")),
        Shortcut(("p",), "priority", N_("Priority")),
        Shortcut(("b",), "pend", N_("Pending until…")),
        Shortcut(("t",), "tag", N_("Add a tag")),
        Shortcut(("w",), "watch", N_("Watch, or watch no longer")),
        Shortcut(("z",), "undo", N_("Undo what you did last")),
        Shortcut(("m",), "macros", N_("Macros")),
        Shortcut(("s",), "send_back", N_("Record a return")),
        Shortcut(("u",), "back", N_("Back to the list")),
        Shortcut(("Ctrl+Enter",), "", N_("Send")),
        Shortcut(("/",), "", N_("In the reply box: choose a canned reply")),
        Shortcut(("@",), "", N_("In a note: tell a colleague")),
    ),
    N_("Calls"): (
        Shortcut(("c",), "accept", N_("Accept the call")),
        Shortcut(("d",), "wrap_up", N_("Note of the call, or its wrap-up")),
        Shortcut(("h",), "hand", N_("Ask for help in a call")),
    ),
}
