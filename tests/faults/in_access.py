"""Faults in who may ask for what: sequences, paths, tenants, keys and what is shown of them."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/protocol/sequences.py",
        old="for name in api.batches}",
        new='for name in ("prompt", "prompt_embeds")}',
        test=(
            "tests/gateway/requests/test_sequence_limit.py::"
            "test_a_field_of_another_api_takes_no_slot"
        ),
        why="A field that the endpoint ignores fills a worker",
    ),
    Fault(
        file="gateway/requests/lifecycle.py",
        old="        check_sequences(relay.request.sequences, self.config.requests, slots)\n",
        new="",
        test=(
            "tests/gateway/requests/test_sequence_limit.py::"
            "test_an_n_beyond_the_slots_is_answered_at_once"
        ),
        why="One request has a whole worker to itself",
    ),
    Fault(
        file="gateway/requests/endpoint.py",
        old='if treatment is Treatment.OWN or scope["method"] not in allowed:',
        new="if treatment in {Treatment.OWN, Treatment.UNKNOWN}:",
        test="tests/gateway/clients/test_upgrades.py::test_what_a_path_does_not_serve_ends_here",
        why="Any method reaches a worker",
    ),
    Fault(
        file="gateway/workers/credentials.py",
        old="            sent.popall(name, None)\n",
        new="            pass\n",
        test=(
            "tests/gateway/requests/test_transparency.py::"
            "test_a_clients_keys_and_cookies_reach_a_worker_only_where_configured"
        ),
        why="Clients' keys go to every worker, whoever runs it",
    ),
    Fault(
        file="gateway/scheduling/tenants.py",
        old="own = self._fair and pseudonym in self._regulars",
        new="own = self._fair",
        test=(
            "tests/gateway/scheduling/test_regulars.py::"
            "test_fresh_keys_by_the_thousand_do_not_outrank_a_known_tenant"
        ),
        why="A client with a fresh key for each request goes before everybody else",
    ),
    Fault(
        file="predictor/served_log/segments.py",
        old="atomic_write(out, mode=PRIVATE_FILE)",
        new="atomic_write(out, mode=0o644)",
        test=(
            "tests/gateway/forecasting/test_private_files.py::"
            "test_full_segments_stay_the_owners_alone"
        ),
        why="Everybody on the machine may read prompts once a segment is full",
    ),
    Fault(
        file="gateway/forecasting/learned_state.py",
        old="        private_folder(folder / MODELS)\n",
        new="        pass\n",
        test=(
            "tests/gateway/forecasting/test_private_files.py::"
            "test_what_an_earlier_version_left_open_is_narrowed"
        ),
        why="Words of prompts stay readable in refitted models after an upgrade",
    ),
    Fault(
        file="gateway/serve/log_output.py",
        old="        self.setFormatter(form)\n",
        new="        self.setFormatter(logging.Formatter(_FORMAT))\n",
        test="tests/gateway/serve/test_log_output.py::test_no_secret_comes_out",
        why="The log shows keys that libraries put into their errors",
    ),
    Fault(
        file="gateway/workers/failures.py",
        old='text = f"no proper HTTP: {type(error).__name__}"',
        new='text = f"no proper HTTP: {error}"',
        test="tests/gateway/requests/test_no_secret.py::test_no_fault_shows_a_secret",
        why="A worker's malformed answer, which may repeat a key, stands in the log and in /ready",
    ),
)
