"""Webhooks: signed so that the library of the Standard Webhooks specification verifies them."""

import json

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline.notifications.kinds.webhook import send_webhook
from ghost_pipeline.notifications.message import DeliveryError, Message
from ghost_pipeline_tests.notifications.test_rendering import AT, HOSTILE, hostile_message
from ghost_pipeline_tests.notifications.world import SECRET, Receiver, answer, webhook


def test_the_signature_is_verified_by_the_library(receiver: Receiver) -> None:
    now = utc_now()
    message = hostile_message(*(text for text in HOSTILE if "\ud800" not in text))
    send_webhook(webhook(receiver.url), message, SECRET, now)
    [received] = receiver.received
    document = Webhook(SECRET).verify(received.content, received.headers)
    assert document == json.loads(received.content)
    assert document["type"] == "ghost_pipeline.changes"
    assert document["timestamp"] == "2026-05-01T12:00:00Z"
    assert set(document["data"]) == {"destination", "title", "text", "entries"}
    # Programs get names as they are.
    assert document["data"]["entries"][0]["model_id"] == HOSTILE[0]
    assert received.headers["webhook-id"] == message.id
    assert received.headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(received.content + b" ", received.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 32).verify(received.content, received.headers)


def test_a_secret_without_prefix_and_padding_signs_the_same(receiver: Receiver) -> None:
    now = utc_now()
    send_webhook(webhook(receiver.url), Message("msg_1", "hook", now), "c2VjcmV0", now)
    send_webhook(webhook(receiver.url), Message("msg_1", "hook", now), "whsec_c2VjcmV0", now)
    first, second = receiver.received
    assert first.headers["webhook-signature"] == second.headers["webhook-signature"]


def test_no_cookie_and_no_redirect_leads_to_another_request(receiver: Receiver) -> None:
    other = Receiver()
    try:
        receiver.answers = [answer(308, location=other.url, set_cookie="a=b")]
        with pytest.raises(DeliveryError, match="redirects are not followed"):
            send_webhook(webhook(receiver.url), Message("msg_1", "hook", AT), SECRET, AT)
        send_webhook(webhook(receiver.url), Message("msg_1", "hook", AT), SECRET, AT)
    finally:
        other.close()
    assert other.received == []
    assert "cookie" not in receiver.received[-1].headers


def test_a_proxy_of_the_environment_gets_nothing_that_is_for_this_machine(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    send_webhook(webhook(receiver.url), Message("msg_1", "hook", AT), SECRET, AT)
    assert len(receiver.received) == 1
