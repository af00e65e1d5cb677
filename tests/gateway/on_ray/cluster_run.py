"""Three nodes of Ray on this machine, with the gateway on two of them, until the process ends.

Arguments: the port of Serve's proxy, settings as JSON, replicas.
"""

from __future__ import annotations

import json
import signal
import sys

import ray
from ray import serve
from ray.cluster_utils import Cluster

from gateway.on_ray.application import app


def main(port: int, settings: str, replicas: int) -> None:
    """Start it; the proxy answers once the application is there."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        cluster.add_node(num_cpus=replicas + 1)
    ray.init(address=cluster.address)
    serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
    made = app({"config": json.loads(settings), "replicas": replicas})
    serve.run(made, name="lengthwise", route_prefix="/")
    signal.pause()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
