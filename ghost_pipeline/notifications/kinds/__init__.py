"""Send a message by the kind of its destination: ``send_message``, and one file for each kind."""

from datetime import datetime

from ghost_pipeline.notifications.destinations import Destination
from ghost_pipeline.notifications.message import DeliveryError, Message
from ghost_pipeline.settings import read_secret


def send_message(destination: Destination, message: Message, now: datetime) -> None:
    """Send a message. Raises DeliveryError."""
    if destination.kind == "atom":
        from ghost_pipeline.notifications.kinds.atom import write_feed  # noqa: PLC0415

        write_feed(destination, message)
        return
    secret = _read_secret(destination)
    if destination.kind == "webhook":
        from ghost_pipeline.notifications.kinds.webhook import send_webhook  # noqa: PLC0415 - HTTP is slow to load

        send_webhook(destination, message, secret, now)
    else:
        from ghost_pipeline.notifications.kinds.apprise import send_with_apprise  # noqa: PLC0415

        send_with_apprise(destination, message, secret)


def _read_secret(destination: Destination) -> str:
    """Return the value of the destination's secret. Raises DeliveryError without one."""
    value = (read_secret(destination.secret_variable) or "").strip()
    if not value:
        raise DeliveryError(
            f"the variable {destination.secret_variable} is not set",
            "set it in the environment of every program that sends: of cron and of Dagster too",
            is_local=True,
        )
    return value
