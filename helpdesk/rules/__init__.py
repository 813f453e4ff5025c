"""If this then that: what the desk does by itself when a fact was stated, or something has been so for long enough.

`triggers` says what a rule may answer and `making` how supervisors make one; `book` keeps those that are switched on
ready. `asking` asks them about the facts of a transaction, `waiting` about what has gone on for long enough, `doing`
does what one says, and `guard` sees that nothing runs for ever. `trials` looks before; `history` tells afterwards, and
takes back. Read `asking` first.
"""
