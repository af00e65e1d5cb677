"""Faults in API keys: who is let in, who is ended, and what his rights are."""

from __future__ import annotations

from tests.faults.fault import Fault

_OVER_HTTP = "tests/gateway/access/test_access.py::"
_CHANGES = "tests/gateway/access/test_key_changes.py::"
_GRANTED = "tests/gateway/requests/test_granted.py::"
_LIMITS = "tests/gateway/access/test_limits.py::"
_ACCOUNT = "tests/gateway/access/test_account.py::"
_TOKENS = "tests/gateway/access/test_tokens.py::"
_COMMAND = "tests/gateway/access/test_keys_command.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/config_command/command.py",
        old="        read_holders(path)",
        new="        pass",
        test=(
            "tests/gateway/config_command/test_check.py::"
            "test_a_broken_file_of_keys_is_refused_as_at_the_start"
        ),
        why="A configuration is called valid, with whose file of keys the gateway does not start",
    ),
    Fault(
        file="gateway/protocol/openai.py",
        old="        for name in api_of(self.endpoint).token_limits:\n",
        new='        for name in api_of("chat/completions").token_limits:\n',
        test=(
            "tests/gateway/protocol/test_openai.py::"
            "test_a_bound_that_the_endpoint_ignores_counts_nowhere"
        ),
        why="A field that the server ignores hides tokens from budgets",
    ),
    Fault(
        file="gateway/requests/endpoint.py",
        old="            choice = replace(choice, models=allowed_models(choice.models, holder))\n",
        new="",
        test=(
            "tests/gateway/requests/test_fallbacks.py::"
            "test_no_fallback_answers_with_a_model_that_the_key_must_not_use"
        ),
        why="A fallback answers with a model that the key must not use",
    ),
    Fault(
        file="gateway/access/access.py",
        old="            self._check_not_emptied(contents)\n            if settings",
        new="            if settings",
        test=(_CHANGES + "test_a_file_that_has_been_emptied_revokes_nobody"),
        why="A file of keys that is being copied ends all requests",
    ),
    Fault(
        file="gateway/access/keys_command.py",
        old="    if groups is not None and args.group and args.group not in groups:\n",
        new="    if False:\n",
        test=(
            "tests/gateway/access/test_keys_command.py::"
            "test_a_group_that_the_configuration_lacks_is_refused"
        ),
        why="`keys add` makes a key that opens nothing, and says nothing",
    ),
    Fault(
        file="gateway/access/access.py",
        old="        if fault or isinstance(entry, Refused):",
        new="        if fault and fault is not Refused.INVALID:",
        test=_OVER_HTTP + "test_a_key_is_read_as_clients_send_it_and_no_other_way",
        why="A wrong key is let in, or breaks the gateway",
    ),
    Fault(
        file="gateway/access/api_key.py",
        old="            if found and key != found:",
        new="            if not key:",
        test=_OVER_HTTP + "test_a_key_is_read_as_clients_send_it_and_no_other_way",
        why="A request shows one key to the proxy in front and another one to the gateway",
    ),
    Fault(
        file="gateway/access/access.py",
        old="            if entry is None or entry.revoked:\n                admission.end()",
        new="            if entry is None:\n                admission.end()",
        test=_CHANGES + "test_a_revoked_keys_running_and_waiting_requests_end_with_an_error",
        why="A revoked key's requests go on",
    ),
    Fault(
        file="gateway/access/directory.py",
        old="Refused.EXPIRED if self.expires <= now else None",
        new="None",
        test=_OVER_HTTP + "test_each_state_of_a_key_has_its_code",
        why="Keys do not expire",
    ),
    Fault(
        file="gateway/access/directory.py",
        old="disabled = bool(kept.group) and kept.group not in self._groups",
        new="disabled = not kept.name",
        test=_CHANGES + "test_an_unknown_group_disables_its_holders_keys_and_no_others",
        why="A misspelt group has no bounds",
    ),
    Fault(
        file="gateway/access/access.py",
        old="        if seconds := self._failures.wait_s(address, found, now):",
        new="        if seconds := self._failures.wait_s(address, found, now) * 0:",
        test=_OVER_HTTP + "test_guesses_are_bounded_and_nobody_else_is_locked_out",
        why="Keys may be guessed without a bound",
    ),
    Fault(
        file="gateway/access/failures.py",
        old=" or (address, key_digest) in self._known",
        new="",
        test=_OVER_HTTP + "test_guesses_are_bounded_and_nobody_else_is_locked_out",
        why="One client with a wrong key locks out all others behind its proxy",
    ),
    Fault(
        file="gateway/access/key_file.py",
        old="atomic_write(path, mode=PRIVATE_FILE)",
        new="atomic_write(path, mode=0o644)",
        test=_COMMAND + "test_a_key_is_printed_once_and_kept_as_a_digest_for_the_owner_alone",
        why="Everybody on the machine may read who has keys",
    ),
    Fault(
        file="gateway/access/keys_change.py",
        old="if ends > now and len(valid) >= MOST_VALID:",
        new="if not valid:",
        test=_COMMAND + "test_rotation_keeps_two_keys_and_no_third",
        why="Keys pile up that nobody remembers",
    ),
    Fault(
        file="gateway/requests/granted.py",
        old="if most and (whole(value) or 0) > most}",
        new="if most and isinstance(value, int) and value > most}",
        test=_GRANTED + "test_a_token_limit_is_at_most_the_holders",
        why="A limit written as text is beyond the holder's bound",
    ),
    Fault(
        file="gateway/requests/endpoint.py",
        old="                check_default(holder, choice.",
        new="                print(holder, choice.",
        test=_GRANTED + "test_rights_hold_over_http",
        why="Who names no model gets one that he may not use",
    ),
    Fault(
        file="gateway/requests/endpoint.py",
        old="            check_steers(relay)\n",
        new="",
        test=_GRANTED + "test_rights_hold_over_http",
        why="Every holder of a key steers engines",
    ),
    Fault(
        file="gateway/scheduling/tenants.py",
        old="Claim(name, rights.weight or 1.0, urgency, name)",
        new="Claim(name, 1.0, urgency, name)",
        test=_OVER_HTTP + "test_two_holders_keep_their_shares",
        why="Weights of keys do nothing",
    ),
    Fault(
        file="gateway/access/account.py",
        old="        self.tokens.correct(came - reserved)\n",
        new="",
        test=_ACCOUNT + "test_tokens_are_reserved_and_settled",
        why="A limit counts what was expected, whatever came",
    ),
    Fault(
        file="gateway/access/account.py",
        old="spent + self.reserved + tokens > budget",
        new="spent + tokens > budget",
        test=_ACCOUNT + "test_a_budget_to_the_edge_and_over_midnight",
        why="Requests at the same time exceed a budget together",
    ),
    Fault(
        file="gateway/access/bucket.py",
        old="over = self.used + min(amount, limit) - limit",
        new="over = self.used + amount - limit",
        test=_ACCOUNT + "test_a_request_beyond_the_whole_limit_goes_when_nothing_is_used",
        why="A long request is told to try again for ever",
    ),
    Fault(
        file="gateway/access/ledger.py",
        old="            self.day, self.today = day, 0.0\n",
        new="            self.day = day\n",
        test=_ACCOUNT + "test_a_budget_to_the_edge_and_over_midnight",
        why="A daily budget never begins anew",
    ),
    Fault(
        file="gateway/access/admission.py",
        old="            account.end(",
        new="            (lambda _: None)(",
        test=_LIMITS + "test_concurrency_counts_waiting_and_running_requests",
        why="Whoever hangs up has one request fewer for ever",
    ),
    Fault(
        file="gateway/requests/lifecycle.py",
        old="                settle_broken_off(in_flight, error)\n",
        new="",
        test=_LIMITS + "test_each_end_counts_what_came",
        why="Who hangs up in mid-stream pays for nothing",
    ),
    Fault(
        file="gateway/requests/reservation.py",
        old="in_flight.relay.record.dispatched is None",
        new="in_flight.worker",
        test=_LIMITS + "test_a_request_that_leaves_the_queue_counts_nothing",
        why="A request that waited in vain is paid for",
    ),
    Fault(
        file="gateway/requests/lifecycle.py",
        old="reserve(job.prompt_tokens + job.expected_tokens)",
        new="reserve(job.prompt_tokens)",
        test=_LIMITS + "test_each_end_counts_what_came",
        why="Limits let in what will exceed them",
    ),
    Fault(
        file="gateway/access/tokens.py",
        old="            audience=list(settings.audience),",
        new="",
        test=_TOKENS + "test_a_token_opens_only_what_it_is_for",
        why="A token for another service opens the gateway, or none does",
    ),
    Fault(
        file="gateway/access/tokens.py",
        old="            algorithms=list(settings.algorithms),",
        new='            algorithms=["RS256", "RS512", "ES256", "HS256", "none"],',
        test=_TOKENS + "test_a_token_opens_only_what_it_is_for",
        why="The token says how it is to be checked",
    ),
    Fault(
        file="gateway/access/tokens.py",
        old='float(claims["exp"]) + self._settings.leeway_s)',
        new='float("inf"))',
        test=_TOKENS + "test_a_token_that_was_right_expires_and_follows_the_settings",
        why="A token that was once right is right for ever",
    ),
    Fault(
        file="gateway/access/tokens.py",
        old="        self.forget()\n        self._keys = found",
        new="        self._keys = found",
        test=_TOKENS + "test_a_key_set_is_read_anew_when_it_is_old_or_lacks_a_key",
        why="A key that its service has withdrawn still proves tokens",
    ),
    Fault(
        file="gateway/access/access.py",
        old="            if not admission.key and self._tokens is not None:",
        new="            if not admission.key and self._tokens is None:",
        test=_TOKENS + "test_revoking_a_key_ends_no_request_of_a_token",
        why="Each change of the file of keys ends everybody's requests with tokens",
    ),
    Fault(
        file="gateway/serve/command.py",
        old="        warn_of_exposure(front.host(config), needs_keys=app.state.access.on)\n",
        new="",
        test=(
            "tests/gateway/serve/test_command.py::"
            "test_a_start_beyond_this_machine_warns_where_nobody_needs_a_key"
        ),
        why="Nobody is told that everybody is served",
    ),
    Fault(
        file="gateway/requests/granted.py",
        old=" or holder.rights.models is not None)",
        new=")",
        test=(
            _GRANTED
            + "test_a_form_with_several_models_reaches_the_worker_with_the_one_that_was_checked"
        ),
        why="A form names an allowed model to the gateway and another one to the worker",
    ),
    Fault(
        file="gateway/access/contents.py",
        old="(path, stamp) == (known.settings.keys_file, known.stamp):\n",
        new="True:\n",
        test=_CHANGES + "test_settings_change_while_requests_are_served",
        why="A reload keeps the keys of before",
    ),
)
