"""The geometry of charts: values and instants in the picture, gaps, and scales with round numbers."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghost_pipeline.web.pages.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Point, Series, draw_chart

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_line_is_steps_until_the_end() -> None:
    points = [Point(BEGIN, 2.0), Point(BEGIN + 5 * DAY, 4.0)]
    chart = draw_chart("one", "Price", "USD", [Series("input", points)], BEGIN + 10 * DAY)
    assert chart is not None
    [line] = chart.lines
    middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
    half = TOP + (HEIGHT - TOP - BOTTOM) / 2
    assert line.path == f"M{LEFT} {half:g}H{middle:g}V{TOP}H{WIDTH - RIGHT}"
    assert [(dot.x, dot.y, dot.value) for dot in line.dots] == [(LEFT, half, 2.0), (middle, TOP, 4.0)]


def test_an_unknown_value_breaks_the_line() -> None:
    points = [Point(BEGIN, 1.0), Point(BEGIN + DAY, None), Point(BEGIN + 2 * DAY, 1.0)]
    chart = draw_chart("one", "Price", "USD", [Series("input", points)], BEGIN + 4 * DAY)
    assert chart is not None
    assert [sign for sign in chart.lines[0].path if sign.isalpha()] == ["M", "H", "M", "H"]


def test_without_a_value_there_is_no_chart() -> None:
    assert draw_chart("one", "Price", "USD", [], BEGIN) is None
    assert draw_chart("one", "Price", "USD", [Series("input", [Point(BEGIN, None)])], BEGIN) is None


@pytest.mark.parametrize(
    ("highest", "labels"),
    [
        (0.0, ["0", "0.25", "0.5", "0.75", "1"]),
        (1.25, ["0", "0.5", "1", "1.5", "2"]),
        (131_072.0, ["0", "50,000", "100,000", "150,000", "200,000"]),
        (75.0, ["0", "20", "40", "60", "80"]),
    ],
)
def test_the_scale_has_round_numbers(highest: float, labels: list[str]) -> None:
    chart = draw_chart("one", "Price", "USD", [Series("input", [Point(BEGIN, highest)])], BEGIN + DAY)
    assert chart is not None
    assert [tick.text for tick in chart.y_ticks] == labels


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.none() | st.floats(0, 1e15, allow_subnormal=False)), min_size=1, max_size=9
    )
)
def test_every_point_is_inside_the_picture(drawn: list[tuple[int, float | None]]) -> None:
    points = [
        Point(BEGIN + timedelta(minutes=minutes), value) for minutes, value in sorted(drawn, key=lambda one: one[0])
    ]
    chart = draw_chart("one", "Any", "units", [Series("line", points)], BEGIN)
    for dot in chart.lines[0].dots if chart else ():
        assert LEFT <= dot.x <= WIDTH - RIGHT
        assert TOP - 0.1 <= dot.y <= HEIGHT - BOTTOM
