"""Search: every word that was ever said at the desk, found in Japanese and English, as far as the agent may see it.

`letters` makes many ways of writing one, `index` keeps what tickets, customers and calls are found by, `asking` reads
what was typed, `finding` answers it and `passages` shows where it stands.
"""
