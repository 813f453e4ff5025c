"""Reports as plain values, and every way they leave the desk.

The one idea: a report is a function that answers a `Sheet` (values.py): findings, figures, charts and tables, without a
language and without a screen. It is entered once, in catalog.py; its page, its file, its PDF, the mail that brings it,
a tile of a dashboard and the interface for other programs all come from that one answer, so none of them can differ.
"""
