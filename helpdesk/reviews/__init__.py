"""Quality reviews: solved tickets are drawn, read by the points of a form, and talked about with who answered them.

`form` says what is asked, `drawing` which tickets are read, `making` what reviewers say and agents answer, and
`figures` what comes of it, where there is enough of it to be said. Supervisors review; an agent sees what was said of
their own tickets, and of nobody else's.
"""
