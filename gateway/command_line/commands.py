"""The subcommands of ``lengthwise``: help text, flags and function of each."""

from __future__ import annotations

from gateway.access.keys_command import add_keys_arguments, run_keys
from gateway.admin.commands.command import (
    add_drain_arguments,
    add_status_arguments,
    add_worker_arguments,
    run_drain,
    run_pause,
    run_reload,
    run_resume,
    run_status,
    run_undrain,
)
from gateway.admin.commands.queue_command import (
    add_queue_arguments,
    add_top_arguments,
    run_queue,
    run_top,
)
from gateway.admin.commands.target import add_target_arguments
from gateway.calibrate.command import add_calibrate_arguments, run_calibrate
from gateway.config_command.command import add_config_arguments, run_config
from gateway.emulator.command import add_emulate_arguments, run_emulate
from gateway.fronts.command import add_serve_arguments, run_serve
from gateway.hints.command import add_predict_arguments, run_predict
from gateway.picker.command import add_picker_arguments, run_picker
from gateway.remote_scheduler.command import add_scheduler_arguments, run_scheduler
from gateway.report.command import add_report_arguments, run_report
from gateway.simulate.command import add_simulate_arguments, run_simulate
from gateway.usage.command import add_usage_arguments, run_usage
from predictor.collect.command import add_collect_arguments, run_collect
from predictor.evaluation.command import add_evaluate_arguments, run_evaluate
from predictor.refit.command import (
    add_refit_arguments,
    add_rollback_arguments,
    run_refit,
    run_rollback,
)
from predictor.served_log.command import add_log_arguments, run_log
from predictor.training.command import add_train_arguments, run_train

COMMANDS = {
    "serve": ("run the gateway", add_serve_arguments, run_serve),
    "picker": (
        "run the scheduler as the endpoint picker of Envoy and other data planes",
        add_picker_arguments,
        run_picker,
    ),
    "scheduler": (
        "run one scheduler for gateways of several processes or machines",
        add_scheduler_arguments,
        run_scheduler,
    ),
    "config": (
        "check a configuration, show what is in force, print its schema",
        add_config_arguments,
        run_config,
    ),
    "keys": ("make, show, renew and take back API keys", add_keys_arguments, run_keys),
    "status": (
        "show workers, queue and forecasts of a running gateway",
        add_status_arguments,
        run_status,
    ),
    "queue": (
        "show the waiting requests of a running gateway, or where one request is",
        add_queue_arguments,
        run_queue,
    ),
    "top": ("show what each key has in a running gateway", add_top_arguments, run_top),
    "drain": (
        "send a worker no new requests; those that run there end",
        add_drain_arguments,
        run_drain,
    ),
    "undrain": ("send a drained worker requests again", add_worker_arguments, run_undrain),
    "pause": (
        "send nothing from the queue to the workers until `lengthwise resume`; what runs goes on",
        add_target_arguments,
        run_pause,
    ),
    "resume": (
        "end a pause: send waiting requests to the workers again",
        add_target_arguments,
        run_resume,
    ),
    "reload": (
        "let a running gateway read its configuration file again, and say what changed",
        add_target_arguments,
        run_reload,
    ),
    "usage": ("show who has used how much", add_usage_arguments, run_usage),
    "emulate": ("run an emulated vLLM worker", add_emulate_arguments, run_emulate),
    "calibrate": (
        "measure the step time of a vLLM server",
        add_calibrate_arguments,
        run_calibrate,
    ),
    "simulate": (
        "compare policies on recorded requests, with a model of the engine",
        add_simulate_arguments,
        run_simulate,
    ),
    "report": (
        "write a page on a served log: traffic, latency, savings, forecasts, settings",
        add_report_arguments,
        run_report,
    ),
    "train": ("train a length predictor", add_train_arguments, run_train),
    "predict": (
        "forecast answer lengths of requests on stdin, or for others over HTTP and gRPC",
        add_predict_arguments,
        run_predict,
    ),
    "evaluate": ("measure the errors of a length predictor", add_evaluate_arguments, run_evaluate),
    "collect": ("sample answer lengths from a server", add_collect_arguments, run_collect),
    "log": ("show or export a served log", add_log_arguments, run_log),
    "refit": ("refit the predictor to a served log", add_refit_arguments, run_refit),
    "rollback": ("return to the previous predictor", add_rollback_arguments, run_rollback),
}
"""Subcommand -> (help text, function that adds the flags, function that runs the subcommand)."""
