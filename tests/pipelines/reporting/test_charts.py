"""Line charts: ticks are round and enclose the values, points lie inside the frame and in order."""

from hypothesis import given
from hypothesis import strategies as st

from pipelines.reporting.charts import Series, draw_chart, format_tick, label_ticks, list_ticks

NUMBERS = st.floats(-1e4, 1e4, allow_nan=False).map(lambda value: round(value, 6))


@given(NUMBERS, NUMBERS)
def test_ticks_enclose_the_values_and_have_labels_of_their_own(one: float, other: float) -> None:
    low, high = sorted((one, other))
    ticks = list_ticks(low, high)
    assert 2 <= len(ticks) <= 8
    assert ticks[0] <= low + 1e-6 and high - 1e-6 <= ticks[-1]
    assert len({label for _, label in label_ticks(ticks)}) == len(ticks)


def test_ticks_are_round() -> None:
    assert list_ticks(0.023, 0.031) == [0.022, 0.024, 0.026, 0.028, 0.03, 0.032]
    assert [label for _, label in label_ticks([0.0, 0.025, 0.05])] == ["0", "0.025", "0.05"]
    assert format_tick(-1.5, 1) == "−1.5"


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=8))
def test_points_lie_inside_the_frame(points: list[tuple[float, float]]) -> None:
    chart = draw_chart("any", "x", "y", [Series("", "policy", points)])
    assert chart is not None
    for mark in chart.lines[0].marks:
        assert chart.left <= mark.x <= chart.right
        assert chart.top - 1e-6 <= mark.y <= chart.bottom + 1e-6
    assert [mark.x for mark in chart.lines[0].marks] == sorted(mark.x for mark in chart.lines[0].marks)


def test_logarithmic_axis_spaces_doublings_evenly() -> None:
    chart = draw_chart("any", "n", "gold", [Series("", "policy", [(1, 0), (2, 1), (4, 2)])], log_x=True, at_points=True)
    assert chart is not None
    first, second, third = (tick.place for tick in chart.x_ticks)
    assert abs((second - first) - (third - second)) < 1e-9


def test_nothing_to_draw_is_no_chart() -> None:
    assert draw_chart("any", "x", "y", [Series("", "policy", [])]) is None
