"""Faults in what a request weighs."""

from __future__ import annotations

from tests.faults.fault import Fault

_TESTS = "tests/gateway/forecasting/test_prompt_tokens.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/forecasting/prompt_tokens.py",
        old="weights = np.minimum(1.0, _HUBER / np.maximum(off, _HUBER)) / noise**2",
        new="weights = np.ones_like(off) / noise**2",
        test=_TESTS + "test_one_odd_answer_moves_little",
        why="One odd count of a prompt's tokens changes the estimates of all like it",
    ),
    Fault(
        file="gateway/forecasting/prompt_tokens.py",
        old="rows = self._kinds.pop(kind, None) or deque(maxlen=KEPT)",
        new='rows = self._kinds.get(b"") or self._kinds.setdefault(b"", deque(maxlen=KEPT))',
        test=_TESTS + "test_a_part_stays_learned_while_other_traffic_passes",
        why="What was learned of images and tools is forgotten while text passes",
    ),
    Fault(
        file="gateway/forecasting/prompt_parts.py",
        old="        self.prompts = max(self.prompts, len(prompts))\n",
        new="        prompts = prompts[:1]\n",
        test=_TESTS + "test_a_batch_weighs_all_of_its_prompts",
        why="A batch of a hundred prompts counts as one of them",
    ),
    Fault(
        file="gateway/requests/event_relay.py",
        old=" or running < self.slot.job.most_running:",
        new=":",
        test=(
            "tests/gateway/requests/test_relay.py::"
            "test_the_scheduler_is_told_which_choices_of_a_stream_have_ended"
        ),
        why="Requests wait for slots and memory of choices that have ended",
    ),
    Fault(
        file="gateway/workers/member.py",
        old="prefix_caching=report.prefix_caching is not False",
        new="prefix_caching=True",
        test=(
            "tests/gateway/workers/test_member.py::"
            "test_the_answers_to_a_prompt_share_it_unless_the_engine_says_otherwise"
        ),
        why="Several answers to a long prompt are counted as one copy of it and overfill the cache",
    ),
)
