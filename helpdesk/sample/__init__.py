"""A sample company with two months behind it, so that a visitor opens the door of a desk that is at work.

The idea: nobody writes its rows. Its customers' mails are built as bytes and read like any mail, its calls are told
by a telephone system, its agents use the desk's own verbs, all in the order of time. So every ticket has a real
history, every decision of the classifier a real reason, and whatever the desk learns to do the sample does too.

`company` says who there is, `stage` puts them where they work, and `loading` plays what `stories`, `days` and
`opinions` tell; their words and figures are in the files beside them. The blankets of lot EB1-2610C get too hot, which
nobody tells the desk: it finds that out by itself.
"""
