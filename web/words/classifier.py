"""How the classifier learns, and which version of it speaks."""

from web.words.marks import N_

WORDS: dict[str, dict[str, str]] = {
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
}
