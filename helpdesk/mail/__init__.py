"""Everything that knows RFC 5322: bytes become an `Email` on the way in, words become bytes on the way out.

Reading (`parse.py` and the files it imports) is pure: no database, no network, no clock, and no byte
sequence makes it raise. Whatever touches the world lives in `fetch.py`, `receive.py` and `send.py`.
"""
