"""Faults of the account of what clients use: gateway/usage/, gateway/requests/metering.py."""

from __future__ import annotations

from tests.faults.fault import Fault

_FILES = "tests/gateway/usage/test_ledger_files.py::"
_DISKS = "tests/gateway/usage/test_ledger_disks.py::"
_LEDGER = "tests/gateway/usage/test_ledger.py::"
_METER = "tests/gateway/requests/test_metering.py::"
_COMMAND = "tests/gateway/usage/test_command.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/usage/database.py",
        old="        if _is_foreign(path):\n",
        new="        if False:\n",
        test=_FILES + "test_a_file_of_another_kind_ends_the_start_and_stays_as_it_is",
        why="A mistyped usage.file moves the file of keys away",
    ),
    Fault(
        file="gateway/requests/metering.py",
        old="        access.ledger.load(name, Spent(day, today, day[:7], this_month))\n",
        new="        pass\n",
        test=_METER + "test_a_budget_outlives_a_restart",
        why="A restart gives every holder the budget anew",
    ),
    Fault(
        file="gateway/protocol/reply.py",
        old="            self.at_end()\n        await self.send(",
        new="            pass\n        await self.send(",
        test=_METER + "test_the_count_is_written_before_the_last_byte_is_sent",
        why="A kill after the last byte of an answer leaves the request uncounted",
    ),
    Fault(
        file="gateway/usage/ledger.py",
        old="            safe = self._journal.append(encode(row, counts))\n",
        new="            safe = True\n",
        test=_LEDGER + "test_what_a_killed_process_counted_is_read_and_counted_once",
        why="A kill loses what the database has not got yet",
    ),
    Fault(
        file="gateway/usage/database.py",
        old='            run.execute("UPDATE journal SET file = ?, byte = ?", position)\n',
        new="",
        test=_LEDGER + "test_a_process_killed_between_two_writings_counts_nothing_twice",
        why="What the database has of a journal is counted again at the next start",
    ),
    Fault(
        file="gateway/usage/journal.py",
        old='            line = b"\\n" + line\n',
        new="            pass\n",
        test=_DISKS + "test_a_disk_that_fills_up_in_the_middle_of_a_line_spoils_no_other",
        why="The first line after a full disk is lost in the torn one before",
    ),
    Fault(
        file="gateway/usage/ledger.py",
        old="                merge(self._pending, taken)\n",
        new="                pass\n",
        test=_DISKS + "test_a_locked_database_costs_nothing_and_is_told_once",
        why="What a locked database does not take is forgotten",
    ),
    Fault(
        file="gateway/usage/ledger.py",
        old="journal.make_next(last)",
        new="journal.make_next(0)",
        test=_DISKS + "test_journals_that_somebody_deletes_do_not_make_later_ones_look_old",
        why="A journal of a low number is taken for one that has been counted",
    ),
    Fault(
        file="gateway/usage/store.py",
        old="            moved = set_aside(self._path)\n",
        new="            moved = self._path\n",
        test=_FILES + "test_a_damaged_file_is_set_aside_with_a_message",
        why="A damaged database keeps the gateway from its start",
    ),
    Fault(
        file="gateway/usage/names.py",
        old="    if len(names) >= most:\n",
        new="    if False:\n",
        test=_LEDGER + "test_made_up_keys_do_not_fill_the_file_and_known_ones_stay",
        why="A client that makes up a key for each request fills the disk",
    ),
    Fault(
        file="gateway/usage/spent.py",
        old="first_of_month(day) <= row.day <= day:",
        new="row.day <= day:",
        test=_LEDGER + "test_what_a_key_has_spent_outlives_a_restart_and_ends_with_day_and_month",
        why="A month's budget is spent for ever",
    ),
    Fault(
        file="gateway/usage/read.py",
        old="        if position_in(connection) == position:",
        new="        if True:",
        test=_COMMAND + "test_what_moves_while_it_is_read_is_read_again",
        why="A reader misses what moves from the journal into the database while it reads",
    ),
    Fault(
        file="gateway/requests/metering.py",
        old="        if not self._open:\n            return\n",
        new="",
        test=_METER + "test_answers_streams_and_errors_are_counted_when_the_client_has_them",
        why="Each request is counted at its last byte and at its end",
    ),
    Fault(
        file="gateway/requests/metering.py",
        old="            output = min(output, job.sequences * job.most_tokens)\n",
        new="",
        test=_METER + "test_a_worker_that_counts_more_tokens_than_fit_is_not_believed",
        why="A worker's absurd count is charged to the client",
    ),
    Fault(
        file="gateway/requests/metering.py",
        old="        if self.access.on:\n            return NO_KEY\n",
        new="",
        test=_METER + "test_holders_of_keys_are_counted_by_name_and_wrong_keys_together",
        why="Guessed keys fill the account with rows of their own",
    ),
)
