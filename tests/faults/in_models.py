"""Faults of the names for models: aliases, splits, the default and fallbacks."""

from __future__ import annotations

from tests.faults.fault import Fault

_CHOICE = "tests/gateway/requests/test_model_choice.py::"
_FALLBACKS = "tests/gateway/requests/test_fallbacks.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/requests/fallbacks.py",
        old="                rename(relay, model)\n",
        new="",
        test=_FALLBACKS + "test_an_alias_reaches_its_model_and_nothing_else_of_the_body_changes",
        why="A worker gets an alias that it does not know",
    ),
    Fault(
        file="gateway/requests/fallbacks.py",
        old="if begun or not left or error.code not in FALLS_BACK:",
        new="if begun or not left:",
        test=_FALLBACKS + "test_what_the_request_itself_causes_falls_back_to_nothing",
        why="A client's own mistake is sent to every model in turn",
    ),
    Fault(
        file="gateway/requests/fallbacks.py",
        old="            relay.falls_back = bool(left)\n",
        new="",
        test=_FALLBACKS + "test_workers_that_all_fail_or_refuse_send_the_request_to_the_fallback",
        why="A model whose workers all refuse gives its refusal to the client beside a fallback",
    ),
    Fault(
        file="gateway/requests/fallbacks.py",
        old="            if left and not self.fleet.served(model) and any",
        new="            if False and any",
        test=_FALLBACKS + "test_a_model_without_a_healthy_worker_is_passed_over_at_once",
        why="Requests wait for the grace of a model that is down, beside a fallback that is well",
    ),
    Fault(
        file="gateway/requests/model_choice.py",
        old='    identity = session_of(request, headers) if sticky != "request" else ""\n',
        new='    identity = ""\n',
        test=_FALLBACKS + "test_a_split_sends_a_session_to_one_model_and_all_sessions_by_weight",
        why="A conversation changes between two versions of a model",
    ),
    Fault(
        file="gateway/requests/model_choice.py",
        old="{name: weight for name, weight in weights.items() if weight}",
        new="{name: 1.0 for name, weight in weights.items() if weight}",
        test=_CHOICE + "test_a_split_gives_each_model_its_share",
        why="A canary gets half of all requests instead of its weight",
    ),
    Fault(
        file="gateway/config/models.py",
        old="            if circle := _circle(self, name):\n",
        new="            if circle := []:\n",
        test="tests/gateway/config/test_models.py::test_an_error_names_the_fault_and_the_remedy",
        why="Aliases that mean each other make every request of them run for ever",
    ),
    Fault(
        file="gateway/protocol/multipart.py",
        old="            done = end\n",
        new="            done = start\n",
        test=(
            "tests/gateway/protocol/test_multipart.py::"
            "test_a_field_gets_another_value_and_all_other_bytes_stay"
        ),
        why="A form with an alias is broken on its way to the worker",
    ),
)
