"""Kills the scheduler's actor, and prints what its handle says before and after."""

from __future__ import annotations

import json
import os
import signal

import ray

from gateway.on_ray.scheduler_actor import scheduler_of

POOL = "restarts"
BOUND_S = 200.0


def main() -> None:
    """Print the ids of the two processes, without asking for the actor by its name again."""
    ray.init(num_cpus=2, include_dashboard=False)
    actor = scheduler_of(POOL)
    first = ray.get(actor.whereabouts.remote(), timeout=BOUND_S)
    os.kill(first.pid, signal.SIGKILL)
    second = ray.get(actor.whereabouts.remote(), timeout=BOUND_S)
    print(json.dumps([first.pid, second.pid]), flush=True)


if __name__ == "__main__":
    main()
