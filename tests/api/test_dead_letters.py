"""Dead letters are listed with their reasons and can be sent again."""

from __future__ import annotations

import json

from tests.api.conftest import Api


def letter(api: Api, number: int = 1, *, topic: str = "refresh-generic", payload: str = '{"version": 1}') -> int:
    rows = api.plane.run(
        "INSERT INTO refresh.refresh_dead_letter (message_id, topic, reason, payload, attributes) "
        "VALUES (:id, :topic, 'unknown_version: 2', :payload, CAST(:attributes AS jsonb)) RETURNING dead_letter_id",
        id=f"m{number}",
        topic=topic,
        payload=payload,
        attributes=json.dumps({"table": "public.a", "CloudPubSubDeadLetterSourceSubscription": "x"}),
    )
    found: int = rows[0]["dead_letter_id"]
    return found


def test_they_are_paged_newest_first(api: Api) -> None:
    made = [letter(api, number) for number in range(3)]
    page = api.get("/api/refresh/dead-letters?limit=2")
    assert [one["dead_letter_id"] for one in page["items"]] == made[:0:-1]
    assert page["items"][0]["reason"] == "unknown_version: 2"
    rest = api.get(f"/api/refresh/dead-letters?limit=2&cursor={page['next_cursor']}")
    assert [one["dead_letter_id"] for one in rest["items"]] == made[:1]
    assert rest["next_cursor"] is None


def test_one_is_sent_again_as_it_was_with_who_in_the_audit(api: Api) -> None:
    made = letter(api)
    response = api("POST", f"/api/refresh/dead-letters/{made}/send")
    assert response.status_code == 202
    (message,) = api.plane.bus.of_topic("refresh-generic")
    assert (message.payload, message.attributes) == ({"version": 1}, {"table": "public.a"})
    assert api.get("/api/refresh/dead-letters")["items"][0]["replayed_at"] == response.get_json()["sent_at"]
    (entry,) = api.get("/api/refresh/audit?event=dead_letter_sent_again&by=local:operator")["items"]
    assert entry["details"]["dead_letter_id"] == made


def test_what_is_no_message_of_ours_cannot_be_sent(api: Api) -> None:
    for number, wrong in enumerate(({"topic": ""}, {"topic": "other"}, {"payload": "not json"}, {"payload": "[]"})):
        response = api("POST", f"/api/refresh/dead-letters/{letter(api, number, **wrong)}/send")
        assert (response.status_code, response.get_json()["type"]) == (409, "urn:refresh:problem:cannot_be_sent")
    assert api("POST", "/api/refresh/dead-letters/999/send").status_code == 404
    assert api("POST", f"/api/refresh/dead-letters/{10**30}/send").status_code == 404
    assert api.plane.bus.messages == []
