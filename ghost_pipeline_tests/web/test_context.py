"""What requests share: a value that takes long to compute is not computed for each of them."""

from ghost_pipeline.web.context import KEPT_TIMES, SLOW_SECONDS, KeptValue


class Work:
    """Counts how often it is done, and takes time of a clock of its own."""

    def __init__(self, duration_seconds: float) -> None:
        self.duration_seconds = duration_seconds
        self.count = 0
        self.now = 1_000.0

    def clock(self) -> float:
        return self.now

    def compute(self) -> int:
        self.now += self.duration_seconds
        self.count += 1
        return self.count


def test_a_quick_value_is_computed_for_each_request() -> None:
    work = Work(SLOW_SECONDS / 2)
    kept = KeptValue(work.clock)
    assert [kept.get(work.compute) for _ in range(3)] == [1, 2, 3]


def test_a_slow_value_is_kept_for_a_multiple_of_its_duration() -> None:
    work = Work(1.0)
    kept = KeptValue(work.clock)
    assert [kept.get(work.compute) for _ in range(3)] == [1, 1, 1]
    work.now += KEPT_TIMES - 0.1
    assert kept.get(work.compute) == 1
    work.now += 0.2
    assert kept.get(work.compute) == 2


def test_a_value_that_fails_is_computed_again() -> None:
    work = Work(1.0)
    kept = KeptValue(work.clock)
    for _ in range(2):
        try:
            kept.get(lambda: work.compute() / 0)
        except ZeroDivisionError:
            continue
    assert work.count == 2
