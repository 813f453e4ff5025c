"""Reports for other programs: by a key, without names, at a bounded pace."""

import re

import pytest
from starlette.testclient import TestClient

from tests.cast import BEN, PUBLIC_URL, SATO, OpenDesk
from tests.web.test_feedback import give
from tests.web.test_reporting import served

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def key(desk: OpenDesk) -> dict[str, str]:
    made = desk.as_(SATO).post("/admin/tokens", data={"name": "BI"}).text
    found = re.search(r"<code[^>]*>(desk_[\w-]+)</code>", made)
    assert found
    return {"authorization": f"Bearer {found[1]}"}


@pytest.fixture
def program(desk: OpenDesk) -> TestClient:
    client = TestClient(desk.app, base_url=PUBLIC_URL)
    client.portal = desk.client.portal
    return client


def test_a_program_reads_the_same_figures_without_names(desk: OpenDesk, program: TestClient) -> None:
    served(desk)
    header = key(desk)
    listed = program.get("/api/v1/reports", headers=header).json()["reports"]
    assert {"calls", "feedback", "topics"} <= {each["key"] for each in listed}
    told = program.get("/api/v1/reports/calls?period=today&lang=en", headers=header).json()
    figures = {each["key"]: each for each in told["figures"]}
    assert figures["offered"]["value"] == 2 and told["begin"] == "2026-11-15T15:00:00+00:00"
    assert told["findings"][0] == "2 calls, of which 1 gave up while waiting."
    assert {"lines"} == {each["key"] for each in told["tables"]}
    by_agent = program.get("/api/v1/reports/calls?period=today&by=agent", headers=header)
    assert by_agent.json()["tables"] == [] and BEN.name not in by_agent.text
    lines = program.get("/api/v1/reports/calls?period=today&by=queue&format=csv", headers=header)
    assert "返品・交換,2,1" in lines.content.decode("utf-8-sig")


@SQLITE
def test_quotes_of_customers_stay_on_the_page(desk: OpenDesk, program: TestClient) -> None:
    give(desk, *[(2, f"配送が遅くて困りました{number}回目です") for number in range(8)])
    header = key(desk)
    assert "困りました" not in program.get("/api/v1/reports/topics?period=week", headers=header).text


@SQLITE
def test_without_a_key_that_works_nothing_is_answered(desk: OpenDesk, program: TestClient) -> None:
    header = key(desk)
    for given in ({}, {"authorization": "Bearer desk_x"}, {"authorization": header["authorization"][7:]}):
        answer = program.get("/api/v1/reports/calls", headers=given)
        assert answer.status_code == 401 and answer.json() == {"error": "unknown_token"}
    assert header["authorization"][7:] not in desk.everything_kept()
    assert program.get("/api/v1/reports/nothing", headers=header).status_code == 404
    wrong = program.get("/api/v1/reports/calls?period=ever", headers=header)
    assert wrong.status_code == 422 and wrong.json() == {"error": "not_a_period", "field": "period"}
    assert "最終使用" in desk.as_(SATO).get("/admin/tokens").text
    desk.as_(SATO).post("/admin/tokens/1/revoke")
    assert program.get("/api/v1/reports", headers=header).status_code == 401
    assert desk.as_(BEN).get("/admin/tokens").status_code == 403


@SQLITE
def test_whoever_asks_too_often_is_told_when_to_come_back(desk: OpenDesk, program: TestClient) -> None:
    header = key(desk)
    answers = [program.get("/api/v1/reports", headers=header) for _ in range(61)]
    assert [each.status_code for each in answers] == [200] * 60 + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
