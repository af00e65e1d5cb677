"""Faults in what the gateway passes on: headers, bodies, methods, redirects, CORS."""

from __future__ import annotations

from tests.faults.fault import Fault

_BODIES = "tests/gateway/protocol/"
_SEEN = "tests/gateway/requests/test_transparency.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/workers/backend.py",
        old="            cookie_jar=aiohttp.DummyCookieJar(),\n",
        new="",
        test=_SEEN + "test_one_clients_cookie_never_goes_with_anothers_request",
        why="A cookie that a worker set for one client goes with the next client's request",
    ),
    Fault(
        file="gateway/workers/backend.py",
        old="timeout=self.timeout,\n            allow_redirects=False,\n",
        new="timeout=self.timeout,\n",
        test=_SEEN + "test_a_redirect_is_refused_and_not_followed",
        why="A redirect carries a client's request and key to another server",
    ),
    Fault(
        file="gateway/workers/backend.py",
        old="headers=headers, allow_redirects=False",
        new="headers=headers",
        test=_SEEN + "test_a_worker_that_redirects_probes_is_down_and_the_log_says_why",
        why="A worker whose URL only redirects counts as healthy",
    ),
    Fault(
        file="gateway/workers/backend.py",
        old="            trust_env=False,\n",
        new="            trust_env=True,\n",
        test=_SEEN + "test_neither_a_proxy_of_the_environment_nor_netrc_is_used",
        why="Requests go through a proxy of the environment, with passwords of ~/.netrc",
    ),
    Fault(
        file="gateway/workers/backend.py",
        old="            request_class=ExactRequest,\n",
        new="",
        test=_SEEN + "test_a_clients_headers_reach_the_worker_byte_for_byte",
        why="Header bytes that are not UTF-8 are lost on the way to the worker",
    ),
    Fault(
        file="gateway/protocol/headers.py",
        old="    leave_out = dropped | named\n",
        new="    leave_out = dropped\n",
        test=_SEEN + "test_headers_of_one_connection_do_not_pass_in_either_direction",
        why="Headers that Connection names pass the gateway",
    ),
    Fault(
        file="gateway/clients/upgrades.py",
        old="data = self._protocol.without_offer() + data[offer.args[0] :]",
        new="data = self._protocol.without_offer()",
        test="tests/gateway/clients/test_upgrades.py::test_a_request_with_an_offer_keeps_its_body",
        why="A request of a Java client, which offers HTTP/2, loses its body",
    ),
    Fault(
        file="gateway/protocol/content_coding.py",
        old="piece = unpacker.decompress(part, limit - len(found) + 1)",
        new="piece = unpacker.decompress(part)",
        test=_BODIES + "test_content_coding.py::"
        "test_a_small_body_that_unpacks_to_a_huge_one_is_refused",
        why="A few kilobytes of gzip take gigabytes of memory",
    ),
    Fault(
        file="gateway/protocol/json_body.py",
        old='        body = _replaced(body.decode("utf-8", "surrogatepass"), wanted)\n',
        new="        return json.dumps({**given, **wanted}).encode()\n",
        test=_BODIES + "test_json_body.py::test_only_the_value_of_the_field_changes",
        why="A body whose stream_options change is encoded anew, and 1e400 becomes Infinity",
    ),
    Fault(
        file="gateway/protocol/front.py",
        old='                scope = {**scope, "path": path, "raw_path": raw}\n',
        new='                scope = {**scope, "path": path}\n',
        test=_BODIES + "test_front.py::test_a_worker_never_sees_a_slash_at_the_end_of_a_path",
        why="A path with a slash at its end is redirected by the worker, which the gateway refuses",
    ),
    Fault(
        file="gateway/protocol/cors.py",
        old="            headers = [pair for pair in headers if not "
        "pair[0].lower().startswith(_PREFIX)]\n",
        new="            pass\n",
        test=_BODIES + "test_cors.py::test_with_origins_the_gateway_alone_decides",
        why="A worker's CORS headers come twice, or let pages in that the gateway keeps out",
    ),
    Fault(
        file="gateway/protocol/cors.py",
        old="        elif not own or path in _PRIVATE:\n",
        new="        elif path in _PRIVATE:\n",
        test=_BODIES + "test_cors.py::"
        "test_by_default_a_workers_headers_pass_and_all_may_read_the_gateways_answers",
        why="A page may read a worker's answers that the worker lets only other pages read",
    ),
    Fault(
        file="gateway/protocol/event_stream.py",
        old="                shown.append(_stamped(self._released() + line_end, event))\n",
        new="                shown.append(self._released() + line_end)\n",
        test=_BODIES + "test_event_stream.py::"
        "test_the_fingerprint_of_hidden_usage_stands_where_vllm_puts_it_without_usage",
        why="A stream without usage lacks the system_fingerprint that vLLM gives directly",
    ),
    Fault(
        file="gateway/protocol/openai.py",
        old="boolean(flags[name]) is not None for name",
        new="True for name",
        test=_BODIES
        + "test_openai_sent_on.py::test_malformed_stream_options_are_left_to_the_worker",
        why="Stream options that vLLM refuses are answered as if they were right",
    ),
)
