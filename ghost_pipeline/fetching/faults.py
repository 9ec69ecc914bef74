"""How the steps of a fetch say that it can't go on."""


class Fault(Exception):
    """The page can't be had; the message says why, for a person to act on."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        """Of the answer, if there was one."""


class PassingFault(Fault):
    """The same request may succeed a little later."""

    def __init__(self, reason: str, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(reason, status)
        self.retry_after = retry_after
        """Seconds that the provider asks to wait."""
