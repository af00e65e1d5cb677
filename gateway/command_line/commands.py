"""The subcommands of ``lengthwise``: help text of each, and where its flags and function are."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand. What it needs is imported as it is used: all of them together need seconds, and
    a scheduler that starts again is wanted at once."""

    text: str
    """What it does, for the list of all."""
    flags: str
    """``module:function`` that adds the flags to a parser."""
    function: str
    """``module:function`` that runs it, from the parsed arguments to the exit code."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the subcommand's flags."""
        _named(self.flags)(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Run the subcommand; returns the exit code."""
        code: int = _named(self.function)(args)
        return code


def _named(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


COMMANDS = {
    "serve": Command(
        "run the gateway",
        "gateway.fronts.command:add_serve_arguments",
        "gateway.fronts.command:run_serve",
    ),
    "picker": Command(
        "run the scheduler as the endpoint picker of Envoy and other data planes",
        "gateway.picker.command:add_picker_arguments",
        "gateway.picker.command:run_picker",
    ),
    "scheduler": Command(
        "run one scheduler for gateways of several processes or machines",
        "gateway.remote_scheduler.command:add_scheduler_arguments",
        "gateway.remote_scheduler.command:run_scheduler",
    ),
    "config": Command(
        "check a configuration, show what is in force, print its schema",
        "gateway.config_command.command:add_config_arguments",
        "gateway.config_command.command:run_config",
    ),
    "keys": Command(
        "make, show, renew and take back API keys",
        "gateway.access.keys_command:add_keys_arguments",
        "gateway.access.keys_command:run_keys",
    ),
    "status": Command(
        "show workers, queue and forecasts of a running gateway",
        "gateway.admin.commands.command:add_status_arguments",
        "gateway.admin.commands.command:run_status",
    ),
    "queue": Command(
        "show the waiting requests of a running gateway, or where one request is",
        "gateway.admin.commands.queue_command:add_queue_arguments",
        "gateway.admin.commands.queue_command:run_queue",
    ),
    "top": Command(
        "show what each key has in a running gateway",
        "gateway.admin.commands.queue_command:add_top_arguments",
        "gateway.admin.commands.queue_command:run_top",
    ),
    "drain": Command(
        "send a worker no new requests; those that run there end",
        "gateway.admin.commands.command:add_drain_arguments",
        "gateway.admin.commands.command:run_drain",
    ),
    "undrain": Command(
        "send a drained worker requests again",
        "gateway.admin.commands.command:add_worker_arguments",
        "gateway.admin.commands.command:run_undrain",
    ),
    "pause": Command(
        "send nothing from the queue to the workers until `lengthwise resume`; what runs goes on",
        "gateway.admin.commands.target:add_target_arguments",
        "gateway.admin.commands.command:run_pause",
    ),
    "resume": Command(
        "end a pause: send waiting requests to the workers again",
        "gateway.admin.commands.target:add_target_arguments",
        "gateway.admin.commands.command:run_resume",
    ),
    "reload": Command(
        "let a running gateway read its configuration file again, and say what changed",
        "gateway.admin.commands.target:add_target_arguments",
        "gateway.admin.commands.command:run_reload",
    ),
    "usage": Command(
        "show who has used how much",
        "gateway.usage.command:add_usage_arguments",
        "gateway.usage.command:run_usage",
    ),
    "emulate": Command(
        "run an emulated vLLM worker",
        "gateway.emulator.command:add_emulate_arguments",
        "gateway.emulator.command:run_emulate",
    ),
    "calibrate": Command(
        "measure the step time of a vLLM server",
        "gateway.calibrate.command:add_calibrate_arguments",
        "gateway.calibrate.command:run_calibrate",
    ),
    "simulate": Command(
        "compare policies on recorded requests, with a model of the engine",
        "gateway.simulate.command:add_simulate_arguments",
        "gateway.simulate.command:run_simulate",
    ),
    "report": Command(
        "write a page on a served log: traffic, latency, savings, forecasts, settings",
        "gateway.report.command:add_report_arguments",
        "gateway.report.command:run_report",
    ),
    "train": Command(
        "train a length predictor",
        "predictor.training.command:add_train_arguments",
        "predictor.training.command:run_train",
    ),
    "predict": Command(
        "forecast answer lengths of requests on stdin, or for others over HTTP and gRPC",
        "gateway.hints.command:add_predict_arguments",
        "gateway.hints.command:run_predict",
    ),
    "evaluate": Command(
        "measure the errors of a length predictor",
        "predictor.evaluation.command:add_evaluate_arguments",
        "predictor.evaluation.command:run_evaluate",
    ),
    "collect": Command(
        "sample answer lengths from a server",
        "predictor.collect.command:add_collect_arguments",
        "predictor.collect.command:run_collect",
    ),
    "log": Command(
        "show or export a served log",
        "predictor.served_log.command:add_log_arguments",
        "predictor.served_log.command:run_log",
    ),
    "refit": Command(
        "refit the predictor to a served log",
        "predictor.refit.command:add_refit_arguments",
        "predictor.refit.command:run_refit",
    ),
    "rollback": Command(
        "return to the previous predictor",
        "predictor.refit.command:add_rollback_arguments",
        "predictor.refit.command:run_rollback",
    ),
}
