"""LearnedSlots: how many sequences an engine runs at once, learned from what it reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class LearnedSlots:
    """An engine's sequence limit. vLLM does not publish its ``max_num_seqs``.

    The gateway sends ``value`` sequences and a few more. If the engine runs those too, its limit
    is higher and ``value`` doubles; if it lets them wait although KV memory is free, the most it
    ever ran is its limit. A wrong guess corrects itself at the next report.
    """

    value: int = 8
    most_running: int = 0

    def observe(self, *, running: int, waiting: int, kv_usage: float) -> None:
        """Take a report: sequences running and waiting in the engine, KV use from 0 to 1."""
        self.most_running = max(self.most_running, running)
        if running > self.value:
            self.value = 2 * running
        elif waiting > 0 and running > 0 and kv_usage < 0.8:
            # Above that the engine may hold requests back for want of memory, not of slots.
            self.value = self.most_running
