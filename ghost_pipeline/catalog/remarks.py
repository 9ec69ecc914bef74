"""What people are told of many rows: how many there are, and the first of them in words."""

SHOWN = 20


class Remarks:
    """Counts every remark and keeps the first."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[str] = []

    @property
    def first(self) -> tuple[str, ...]:
        """The first remarks, in the order in which they were made."""
        return tuple(self._first)

    def add(self, remark: str, rows: int = 1) -> None:
        """A remark on so many rows."""
        self.count += rows
        if len(self._first) < SHOWN:
            self._first.append(remark)

    def extend(self, others: "Remarks") -> None:
        """The remarks of somebody else, after these."""
        self.count += others.count
        self._first.extend(others.first[: SHOWN - len(self._first)])
