"""Which requests a window has."""

from __future__ import annotations

from gateway.replay.seen import History
from gateway.shadow.records import Begun, Ended


def _begun(number: int, arrival: float, sequences: int = 1) -> Begun:
    return Begun(str(number), arrival, "m", 10, True, sequences, "", (10.0, 30.0), (0.5, 0.5))


def _ended(number: int, finished: float, *, whole: bool = True, tokens: int = 5) -> Ended:
    dispatched = finished - 1 if tokens else None
    return Ended(
        str(number), whole, "w", 12, tokens, dispatched, finished - 0.5, finished, (5.0,), (1.0,)
    )


def test_a_window_ends_where_the_oldest_request_under_way_has_come() -> None:
    history = History()
    history.add([_begun(n, float(n)) for n in range(10)], [_ended(n, n + 1.0) for n in range(10)])
    history.add([_begun(10, 5.5)], [])
    window = history.window(now=20.0, span=100.0, most=1000)
    assert window.end == 5.5
    assert sum(window.measured) == 6
    waiting = next(one for one in window.seen if one.ended is None)
    assert waiting.output_tokens == 20  # it loads the engines by its forecast


def test_a_request_that_never_ends_holds_a_window_up_for_half_of_it() -> None:
    history = History()
    history.add([_begun(0, 0.0), _begun(1, 80.0)], [_ended(1, 81.0)])
    window = history.window(now=100.0, span=100.0, most=1000)
    assert window.end == 100.0
    assert window.measured == [False, True]


def test_requests_from_before_a_window_are_kept_for_another_one() -> None:
    history = History()
    history.add([_begun(n, float(n)) for n in range(400)], [_ended(n, n + 1.0) for n in range(400)])
    window = history.window(now=400.0, span=100.0, most=1000)
    assert sum(window.measured) == 100
    assert len(window.seen) == 201  # the first one ends within what is kept
    assert len(history) == 201


def test_beyond_the_bound_the_window_is_shorter() -> None:
    history = History()
    history.add([_begun(n, float(n)) for n in range(400)], [_ended(n, n + 1.0) for n in range(400)])
    window = history.window(now=400.0, span=1000.0, most=300)
    assert len(window.seen) == 300
    assert window.begin == 200.0  # the first third fills the engines


def test_each_sequence_of_a_request_counts_against_the_bound() -> None:
    history = History()
    history.add([_begun(n, float(n), sequences=100) for n in range(50)], [])
    history.forget(1000)
    assert len(history) == 10
    assert history.cut


def test_what_loads_an_engine_is_not_always_measured() -> None:
    history = History()
    history.add(
        [_begun(0, 0.0), _begun(1, 1.0), _begun(2, 2.0, sequences=3)],
        [
            _ended(0, 5.0, whole=False),
            _ended(1, 5.0, whole=False, tokens=0),  # left while it waited
            _ended(2, 5.0, tokens=30),
        ],
    )
    window = history.window(now=10.0, span=100.0, most=1000)
    assert [one.begun.id for one in window.seen] == ["0", "2"]
    assert window.measured == [False, False]
    assert [request.output_tokens for request in window.seen[1].requests(1)] == [10, 10, 10]


def test_an_end_without_its_beginning_is_left_out() -> None:
    history = History()
    history.add([], [_ended(0, 5.0)])
    assert len(history) == 0
