"""The words of need and shift plan."""

from web.words.marks import N_

WORDS: dict[str, dict[str, str]] = {
    "staffing_week": {
        "0": N_("This week"),
        "1": N_("Next week"),
        "2": N_("In 2 weeks"),
        "3": N_("In 3 weeks"),
        "4": N_("In 4 weeks"),
        "5": N_("In 5 weeks"),
    },
    "shift_act": {
        "added": N_("Planned."),
        "removed": N_("Taken out of the plan."),
        "copied": N_("%(count)s shifts were taken over from the week before."),
        "copied_none": N_("There was nothing to take over from the week before."),
        "imported": N_("%(count)s shifts were taken in."),
        "undone": N_("Taken back: %(count)s shifts."),
        "assumed": N_("Kept for this queue."),
    },
    "staffing_column": {
        "queue": N_("Queue"),
        "day": N_("Day"),
        "half_hour": N_("Half hour"),
        "calls": N_("Calls expected"),
        "on_calls": N_("At the desk for calls"),
        "written": N_("Work in writing, in agents"),
        "wanted": N_("Agents to plan"),
        "planned": N_("Agents planned"),
        "missing": N_("Missing"),
        "level": N_("Service level with this plan"),
    },
    "staffing_measured": {
        "own": N_("measured"),
        "all": N_("of all queues"),
        "usual": N_("assumed"),
    },
    "staffing": {
        "covered": N_("Covered"),
        "missing": N_("Missing"),
        "spare": N_("Too many"),
        "calls": N_("Calls expected"),
        "target": N_("Promised"),
        "handle": N_("Handling time (AHT)"),
        "measured": N_("This time is"),
        "patience": N_("Callers' patience"),
        "shrinkage": N_("Away from the desk"),
        "written_each": N_("An inquiry in writing (assumed)"),
        "writing_seconds": N_("Writing a reply (measured)"),
        "nothing": N_("Nothing is expected of this week, and nobody is planned."),
        "no_plan": N_("This week needs %(wanted)s agent hours. Nobody is planned yet."),
        "enough": N_("The plan covers every half hour: %(planned)s agent hours, %(wanted)s are needed."),
        "lacks": N_(
            "%(missing)s of %(wanted)s agent hours are missing, most on %(day)s in the half hour from %(time)s: "
            "%(most)s agents."
        ),
        "shift_over": N_("At other times %(spare)s agent hours too many are planned: moving them may do."),
        "worst": N_("Most are missing on %(day)s in the half hour from %(time)s: %(count)s"),
        "none_missing": N_("Nobody is missing in any half hour"),
        "day_missing": N_("%(day)s: %(hours)s agent hours are missing"),
        "day_covered": N_("%(day)s: every half hour is covered"),
        "short": N_("Nothing can be foreseen of some inquiries yet: %(names)s. Their need is not in here."),
        "method": N_(
            "Calls: as many agents as keep the promised level of the queue in each half hour by Erlang C, or by "
            "Erlang A where enough callers hung up to know their patience, and nobody busier than may be. Half hours "
            "with less than one call in ten need nobody."
        ),
        "writing": N_(
            "What is written may wait until its promise: its work is spread over the open hours until then, what "
            "waits now included, and is done first by those who would wait for calls anyway."
        ),
        "sharing": N_(
            "Whoever is planned for several queues counts where most is missing. A shift with a break is written as "
            "two."
        ),
    },
    "staffing_formula": {
        "hours_wanted": N_(
            "Sum over half hours of (agents for calls + work in writing that they cannot do besides / busy at most) / "
            "(1 − share away from the desk)."
        ),
        "hours_planned": N_("Hours of the shift plan."),
        "hours_missing": N_(
            "Sum over half hours and queues of what is planned too little. Too many at another time do not make up "
            "for it."
        ),
        "writing_seconds": N_(
            "Median from the first letter of a reply until it was sent, over the last 2,000 replies of eight weeks; "
            "nothing below 20. Reading and looking up are not in it, nor what was written before a pause of more than "
            "ten minutes: the desk does not record who looks at which ticket. The need is computed from what is "
            "assumed of an inquiry in writing, which this time helps to set."
        ),
        "level_planned": N_(
            "Of the calls expected, the share that would be answered in time with those who are planned and not away, "
            "by the same formula."
        ),
        "handle": N_(
            "(Talk + hold + wrap-up) / calls of the last eight weeks; of fewer than 20 calls those of all queues, and "
            "of fewer than 20 there 5 minutes."
        ),
        "patience": N_(
            "Seconds that all callers waited / callers who hung up, of the last eight weeks. With fewer than 20 who "
            "hung up nobody is taken to do so."
        ),
    },
}
