"""Row "Process": the gateway's own tasks, configuration and resources."""

from __future__ import annotations

from panel import DASHED, Panel
from promql import INSTANCE, increase

PROCESS = (
    Panel(
        "Background tasks",
        "none",
        "Solid: 1 while the task runs, 0 from a failure until it starts again "
        "(lengthwise_background_task_up). Dashed: failures (lengthwise_background_failures_total), "
        "and errors in the event loop that nothing caught (lengthwise_uncaught_errors_total): bugs "
        "of the gateway; its log has the trace. Dashed too: entries of the log that were lost "
        "(lengthwise_log_lines_dropped_total), since stderr is full, closed or not read. With "
        "several fronts: 1 while one has no scheduler (lengthwise_scheduler_away), and dashed how "
        "often it was found again (lengthwise_scheduler_reconnects_total).",
        {
            "{{task}}": "min by (task) (lengthwise_background_task_up)",
            "{{task}} failures": f"sum by (task) ({increase('background_failures_total')})",
            "event loop failures": f"sum({increase('uncaught_errors_total')})",
            "log entries lost": f"sum({increase('log_lines_dropped_total')})",
            "scheduler away": "max(lengthwise_scheduler_away)",
            "scheduler reconnects": f"sum({increase('scheduler_reconnects_total')})",
        },
        width=6,
        overrides=((" (failures|lost|reconnects)$", *DASHED),),
    ),
    Panel(
        "Configuration",
        "none",
        "1 while the last reload of the configuration was used, 0 while a new one is refused "
        "(lengthwise_config_last_reload_successful). Dashed: settings whose new value needs a "
        "restart (lengthwise_config_settings_awaiting_restart).",
        {
            "last reload": "min(lengthwise_config_last_reload_successful)",
            "settings awaiting a restart": "max(lengthwise_config_settings_awaiting_restart)",
        },
        width=12,
        overrides=((" restart$", *DASHED),),
    ),
    Panel(
        "Configuration in force",
        "s",
        "Seconds since the configuration was read or confirmed "
        "(lengthwise_config_last_reload_success_timestamp_seconds). Each line has the hash of its "
        "settings (lengthwise_config_hash): gateways of the same settings share it.",
        {
            "{{instance}}": "time() - lengthwise_config_last_reload_success_timestamp_seconds"
            " + 0 * lengthwise_config_hash",
        },
        width=12,
    ),
    Panel(
        "CPU of the gateway",
        "percentunit",
        "Cores that the process uses (process_cpu_seconds_total), each process of serve --fronts "
        "apart. Near 1 the event loop is full: serve with more fronts (listen.fronts).",
        {
            "{{instance}} {{process}}": "rate("
            f"process_cpu_seconds_total{{{INSTANCE}}}[$__rate_interval])",
        },
        width=6,
    ),
    Panel(
        "Memory of the gateway",
        "bytes",
        "Solid: memory in use (process_resident_memory_bytes). Dashed: address space "
        "(process_virtual_memory_bytes), of which most is never used.",
        {
            "{{instance}} {{process}}": f"process_resident_memory_bytes{{{INSTANCE}}}",
            "{{instance}} {{process}} virtual": f"process_virtual_memory_bytes{{{INSTANCE}}}",
        },
        width=6,
        overrides=((" virtual$", *DASHED),),
    ),
    Panel(
        "Open files",
        "none",
        "Solid: files and sockets that are open (process_open_fds): a waiting request has one, a "
        "running one two. Dashed: the most that may be (process_max_fds).",
        {
            "{{instance}} {{process}}": f"process_open_fds{{{INSTANCE}}}",
            "{{instance}} {{process}} most": f"process_max_fds{{{INSTANCE}}}",
        },
        width=6,
        overrides=((" most$", *DASHED),),
    ),
    Panel(
        "Running since",
        "s",
        "Seconds since the process began (process_start_time_seconds). Each line has the versions "
        "of the gateway and of Python (lengthwise_build_info).",
        {
            "{{instance}} {{version}} Python {{python_version}}": "(time() - "
            f"process_start_time_seconds{{{INSTANCE}}}) * on (instance) "
            f"group_right () lengthwise_build_info{{{INSTANCE}}}"
        },
        width=6,
    ),
    Panel(
        "Processes of serve --fronts",
        "none",
        "Solid: 1 while the process serves, and a front's figures are in the page of all "
        "(lengthwise_process_up). Dashed: times that it was started again "
        "(lengthwise_process_restarts_total); the gateway's log says how it ended.",
        {
            "{{process}}": "min by (process) (lengthwise_process_up)",
            "{{process}} restarts": f"sum by (process) ({increase('process_restarts_total')})",
        },
        width=24,
        overrides=((" restarts$", *DASHED),),
    ),
)
