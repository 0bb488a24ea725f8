"""The sandbox's control endpoint: switching faults, creating notifications, looking at what happened."""

import pytest

from bridge.sandbox.faults import FaultKind
from bridge.sandbox.supply import SupplyPlan
from tests.support.sandbox_client import EXAMPLE, only, poll, serving


async def test_faults_are_switched_on_and_off_over_http() -> None:
    async with serving() as (_, client):
        added = await client.post("/sandbox/faults", json={"kind": "423", "her_id": 6789})
        assert added.status_code == 201
        refused = await poll(client)
        assert (refused.status_code, refused.json()["errorCode"]) == (423, 1210)
        listed = (await client.get("/sandbox/faults")).json()["faults"]
        assert listed == [added.json()]
        assert listed[0]["rule"] == {"kind": "423", "her_id": 6789}
        removed = await client.delete("/sandbox/faults", params={"id": listed[0]["id"]})
        assert removed.json() == {"cleared": 1}
        assert (await poll(client)).status_code == 200


async def test_notifications_are_created_over_http_and_found_in_the_list_of_created_ones() -> None:
    async with serving(her_ids=(6789, 7)) as (_, client):
        wanted = {"count": 2, "her_ids": [7], "types": ["RefusedMessage"], "position": 100}
        created = (await client.post("/sandbox/notifications", json=wanted)).json()["created"]
        assert [(each["her_id"], each["position"], each["visible"]) for each in created] == [
            (7, 100, True),
            (7, created[1]["offset"], True),
        ]
        listed = (await client.get("/sandbox/created", params={"after": 1, "limit": 1})).json()
        assert listed == {"created": created[:1], "next": 100}
        assert (await client.get("/sandbox/created", params={"after": 100})).json()["created"] == created[1:]
        first = (await client.get("/sandbox/created", params={"limit": 1})).json()["created"]
        assert first == [
            {"position": 1, "her_id": 6789, "id": EXAMPLE["id"], "offset": None, "fault": None, "visible": True}
        ]
        assert (await poll(client, her_id=7)).json()["notifications"][0]["notificationId"] == created[0]["id"]


async def test_the_supply_is_paused_and_resumed_over_http() -> None:
    async with serving(supply=SupplyPlan(rate_per_s=0.001)) as (_, client):
        assert (await client.post("/sandbox/supply/pause")).json() == {"supply_paused": True}
        assert (await client.get("/sandbox/state")).json()["supply_paused"] is True
        assert (await client.post("/sandbox/supply/resume")).json() == {"supply_paused": False}
        assert (await client.get("/sandbox/state")).json()["supply_paused"] is False


async def test_the_state_shows_what_was_asked_and_answered() -> None:
    async with serving(faults=only(FaultKind.SERVER_ERROR)) as (_, client):
        await poll(client, offset=5)
        await poll(client)
        await client.get("/notifications?HerIds=6789")
        state = (await client.get("/sandbox/state")).json()
        assert (state["created"], state["last_offset"], state["requests"]) == (1, 1, 3)
        assert state["statuses"] == {"500": 1, "200": 1, "400": 1}
        failed, answered, refused = state["recent_requests"]
        assert failed["poll"] == {
            "her_ids": [6789],
            "offset": 5,
            "limit": 100,
            "api_version": "3",
            "source_system": "tests",
        }
        assert (failed["status"], failed["fault"], failed["items"]) == ("500", "500", 0)
        assert (answered["status"], answered["fault"], answered["items"]) == ("200", None, 1)
        assert (refused["poll"], refused["errors"]) == (None, ["The Offset field is required."])


async def test_the_receivers_are_listed_as_a_file_for_the_bridge() -> None:
    async with serving(her_ids=(6789, 7)) as (_, client):
        assert (await client.get("/sandbox/her-ids")).text == "6789\n7\n"


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("faults", '{"kind": "nonsense"}', "Invalid enum value 'nonsense' - at `$.kind`"),
        ("faults", '{"kind": "429", "cuont": 1}', "Object contains unknown field `cuont`"),
        ("notifications", '{"count": 0}', "Expected `int` >= 1 - at `$.count`"),
        ("notifications", '{"fault": {"kind": "429"}}', "429 is a fault of requests, not of notifications"),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused_with_the_reason(path: str, body: str, error: str) -> None:
    async with serving() as (sandbox, client):
        response = await client.post(f"/sandbox/{path}", content=body)
        assert (response.status_code, response.json()) == (400, {"error": error})
        assert (sandbox.nhn.faults(), sandbox.nhn.state().created) == ([], 1)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "created?after=x"), ("GET", "created?limit=x"), ("DELETE", "faults?id=x")]
)
async def test_a_parameter_that_makes_no_sense_is_refused(method: str, path: str) -> None:
    async with serving() as (_, client):
        assert (await client.request(method, f"/sandbox/{path}")).status_code == 400
