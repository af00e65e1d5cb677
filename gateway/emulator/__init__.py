"""An emulated vLLM worker: its HTTP protocol over a model of its engine, in real time, on a CPU.

For demos, tests and benchmarks without a GPU. What it does with requests (batching, KV blocks,
preemption, time per step) comes from ``scheduler.sim.engine``; what it says is made up.
"""

from gateway.emulator.server import (
    EmbeddedEmulator,
    EmulatorConfig,
    create_emulator,
    run_emulator,
)

__all__ = ["EmbeddedEmulator", "EmulatorConfig", "create_emulator", "run_emulator"]
