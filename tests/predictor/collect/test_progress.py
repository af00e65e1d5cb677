"""The progress bar on a terminal and in a file."""

import io

from predictor.collect.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_shows_rate_and_time_left_of_this_run_alone() -> None:
    now = [0.0]
    progress = ProgressBar(1000, 500, io.StringIO(), clock=lambda: now[0])
    now[0] = 10.0
    progress.step(100)
    assert progress.text() == "600/1,000 samples  10/s  0:40 left"


def test_progress_in_a_file_is_a_line_every_half_minute() -> None:
    now, out = [0.0], io.StringIO()
    progress = ProgressBar(100, 0, out, clock=lambda: now[0])
    for _ in range(100):
        now[0] += 1.0
        progress.step()
    assert len(out.getvalue().splitlines()) == 1 + 3 + 1
    assert "\r" not in out.getvalue()


def test_progress_on_a_terminal_is_one_line_that_notes_do_not_break() -> None:
    now, out = [0.0], Terminal()
    progress = ProgressBar(4, 0, out, clock=lambda: now[0])
    for _ in range(2):
        now[0] += 1.0
        progress.step()
    progress.note("busy")
    progress.close()
    assert "[############------------] 2/4 samples  1/s  0:02 left" in out.getvalue()
    lines = out.getvalue().split("\n")
    assert lines[0].endswith("\rbusy")
    assert len(lines) == 3
