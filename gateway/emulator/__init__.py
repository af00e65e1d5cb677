"""An emulated vLLM worker: vLLM's HTTP API over a model of its engine, in real time, on a CPU.

For demonstrations, tests and benchmarks without a GPU. Batching, KV blocks, preemption and the
time of a step follow ``scheduler.sim.engine``; the text of the answers has no meaning.
"""

from gateway.emulator.app import EmulatorConfig, create_emulator
from gateway.emulator.server import EmbeddedEmulator, run_emulator

__all__ = ["EmbeddedEmulator", "EmulatorConfig", "create_emulator", "run_emulator"]
