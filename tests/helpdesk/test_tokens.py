"""Secrets that are shown once: what is kept of them, and what they open."""

import re

import pytest
from sqlmodel import select

from helpdesk import api_tokens, tokens, walls
from helpdesk.errors import Invalid, NotFound
from models import Agent, ApiToken, WallLink
from tests.cast import SATO, OpenDesk


def sato(db) -> Agent:
    return db.exec(select(Agent).where(Agent.email == SATO.email)).one()


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_secret_is_found_again_and_stands_nowhere_and_opens_nothing_once_ended(desk: OpenDesk) -> None:
    now = desk.clock()
    key = desk.write(lambda db: api_tokens.make(db, name=" 会計 ", scopes=["reports"], by=sato(db), now=now))
    wall = desk.write(lambda db: walls.make(db, name="受付", language="ja", by=sato(db), now=now))
    for kind, secret in ((ApiToken, key), (WallLink, wall)):
        row = desk.read(tokens.working, kind, secret)
        assert row is not None and secret not in repr(row.model_dump())
        assert re.fullmatch("[0-9a-f]{64}", row.token_hash)
        assert desk.read(tokens.working, kind, f"{secret}x") is None
        ended = [desk.write(lambda db, kind=kind, row=row: tokens.end(db, kind, row.id, now=now)) for _ in range(2)]
        assert ended == [True, False]
        assert desk.read(tokens.working, kind, secret) is None
    with pytest.raises(NotFound):
        desk.write(lambda db: tokens.end(db, WallLink, 99, now=now))


def test_a_secret_has_a_name_by_which_it_is_known_later() -> None:
    assert tokens.named("  受付の \n 画面 ") == "受付の 画面"
    assert len(tokens.named("a" * 100)) == tokens.NAME_MAX
    with pytest.raises(Invalid, match="name_missing"):
        tokens.named(" \u3000 ")


def test_what_was_sent_in_place_of_a_secret_is_no_trouble() -> None:
    assert tokens.hash_of("\udcff") == tokens.hash_of("?")
