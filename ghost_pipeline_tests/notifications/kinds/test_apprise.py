"""apprise: a real mail server and a real HTTP server on loopback."""

import email.policy
import logging
import socket
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from io import StringIO
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from ghost_pipeline.notifications.destinations import Destination
from ghost_pipeline.notifications.kinds import send_message
from ghost_pipeline.notifications.message import DeliveryError
from ghost_pipeline_tests.notifications.test_rendering import AT, HOSTILE, Tags, hostile_message
from ghost_pipeline_tests.notifications.world import Receiver, World, answer


class Mailbox:
    """Keeps what an SMTP server receives; ``refusal`` is what it answers instead."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.refusal = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - called by its name
        if self.refusal:
            return self.refusal
        parser = BytesParser(policy=email.policy.default)
        self.messages.append(parser.parsebytes(envelope.content))
        return "250 OK"


@pytest.fixture(scope="module")
def smtp() -> Iterator[tuple[Controller, Mailbox]]:
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield controller, mailbox
    controller.stop()


@pytest.fixture
def mailbox(smtp: tuple[Controller, Mailbox], monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    controller, mailbox = smtp
    monkeypatch.setenv("CHAT_URL", f"mailto://127.0.0.1:{controller.port}?from=ghost@example.org&to=team@example.org")
    mailbox.messages.clear()
    mailbox.refusal = ""
    return mailbox


@pytest.fixture
def logged() -> Iterator[StringIO]:
    """Provide what a program logs that logs everything. Not caplog, which also takes what does not propagate."""
    text = StringIO()
    handler = logging.StreamHandler(text)
    logging.getLogger().addHandler(handler)
    yield text
    logging.getLogger().removeHandler(handler)


CHAT = Destination("chat", "apprise", secret_variable="CHAT_URL")


def test_hostile_text_is_inert_in_a_mail(mailbox: Mailbox) -> None:
    texts = [text for text in HOSTILE if "\ud800" not in text]
    send_message(CHAT, hostile_message(*texts), AT)
    [mail] = mailbox.messages
    assert mail["subject"] == f"Ghost Pipeline: 1 unclear, {len(texts)} new"
    assert mail["to"] == "team@example.org"
    assert mail["bcc"] is None
    body = mail.get_body(("html",))
    assert body is not None
    shown = Tags(body.get_content())
    assert shown.tags <= {"html", "head", "body", "h3", "ul", "li", "code"}
    assert shown.attributes == []
    assert "<script>alert(1)</script>" in shown.text
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert "\x1b" not in plain.get_content()


def test_a_mail_that_the_server_refuses_is_sent_again(world: World, mailbox: Mailbox) -> None:
    from ghost_pipeline.notifications.delivery import Result, deliver  # noqa: PLC0415

    deliver(world.catalog, CHAT, world.clock)
    world.catalog.add_manual_model("openai", "gpt-new")
    mailbox.refusal = "451 hunter2hunter2 come back later"
    failed = deliver(world.catalog, CHAT, world.clock)
    assert failed.result is Result.FAILED
    assert "mailto did not accept it" in (failed.error or "")
    assert "example.org" not in (failed.error or "")
    mailbox.refusal = ""
    world.now = failed.next_attempt_at or world.now
    assert deliver(world.catalog, CHAT, world.clock).result is Result.SENT
    assert len(mailbox.messages) == 1


def test_a_service_gets_the_format_that_it_takes(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_URL", f"json://127.0.0.1:{receiver.port}/models")
    receiver.default = answer(200)
    send_message(CHAT, hostile_message("<b>`x`</b>"), AT)
    [received] = receiver.received
    assert received.document["title"] == "Ghost Pipeline: 1 unclear, 1 new"
    assert "<b>'x'</b>" in received.document["message"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "CHAT_URL is not set"),
        ("hunter2hunter2", "not a URL that apprise knows"),
        ("nothing://hunter2hunter2", "not a URL that apprise knows"),
        ("json://user:hunter2hunter2@example.org/", "without encryption"),
        ("mailto://user:hunter2hunter2@mail.example.org?mode=insecure", "without encryption"),
        ("json://user:hunter2hunter2@127.0.0.1:9/hunter2hunter2?x=hunter2hunter2", "did not accept it"),
        ("jsons://user:hunter2hunter2@no-such-host.invalid/hunter2hunter2", "did not accept it"),
    ],
)
def test_what_fails_is_reported_without_the_secret(
    monkeypatch: pytest.MonkeyPatch, logged: StringIO, url: str, reason: str
) -> None:
    monkeypatch.setenv("CHAT_URL", url)
    with pytest.raises(DeliveryError, match=reason) as caught:
        send_message(CHAT, hostile_message("x"), AT)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in logged.getvalue()


def test_redirects_are_not_followed_even_if_the_url_asks_for_it(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Receiver()
    try:
        receiver.default = answer(307, location=other.url)
        monkeypatch.setenv("CHAT_URL", f"json://127.0.0.1:{receiver.port}/?redirect=yes")
        with pytest.raises(DeliveryError, match="json did not accept it"):
            send_message(CHAT, hostile_message("x"), AT)
    finally:
        other.close()
    assert other.received == []


def test_without_the_package_the_advice_is_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_URL", "json://127.0.0.1:9/")
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(DeliveryError, match=r"pip install --editable '.\[apprise\]'"):
        send_message(CHAT, hostile_message("x"), AT)
