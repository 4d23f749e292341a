"""Measures the exchange of gradients between two processes on this machine: its bytes, and its milliseconds.

    python benchmarks/all_reduce.py dcgan-faces-64 dcgan-celeba-128

Each step of a training on several devices exchanges the gradients of both networks once. Here two processes exchange
tensors of these sizes over loopback. The output is one JSON object for each model. The time is a lower bound for two
machines with a faster network than this machine's memory, and says nothing of GPUs.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

from ganzoo import api
from ganzoo.environment.cluster import Cluster
from ganzoo.environment.tensorflow import import_tensorflow
from ganzoo.training.joining import in_team

REPEATS = 21
PORT = 29417


def measure(rank: int, names: list[str]) -> None:
    """One of the two processes. The first prints the results."""
    with in_team(Cluster(2, rank, "localhost", PORT, "all_reduce.py")) as team:
        import_tensorflow()
        import tensorflow as tf

        from ganzoo.training.distribution import make_strategy

        configs = [api.experiment(name) for name in names]
        strategy = make_strategy(configs[0].training, None, team)
        for name, config in zip(names, configs, strict=True):
            networks = config.objective.networks(config)
            with strategy.scope():
                gradients = [
                    tf.Variable(tf.zeros(weight.shape))
                    for network in networks.values()
                    for weight in network.trainable_variables
                ]

            @tf.function(autograph=False)
            def exchange(gradients=tuple(gradients)):
                def replica():
                    values = [gradient + 1.0 for gradient in gradients]
                    mean = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, values)
                    return tf.add_n([tf.reduce_sum(one) for one in mean])

                return strategy.run(replica)

            times = []
            for _ in range(REPEATS + 1):
                start = time.perf_counter()
                exchange()
                times.append(1000 * (time.perf_counter() - start))
            times = sorted(times[1:])
            megabytes = sum(int(tf.size(variable)) for variable in gradients) * 4 / 1e6
            if rank == 0:
                result = {"model": name, "megabytes": round(megabytes, 2), "ms": round(statistics.median(times), 1)}
                print(json.dumps(result | {"ms_from": round(times[0], 1), "ms_to": round(times[-1], 1)}), flush=True)
        if team and team.is_chief:
            team.stop("", step=0, reason="finished")
        elif team:
            team.receive("stop")


def main() -> None:
    names = sys.argv[1:] or ["dcgan-faces-64", "dcgan-celeba-128"]
    if names[0] == "--rank":
        measure(int(names[1]), names[2:])
        return
    ranks = [subprocess.Popen([sys.executable, __file__, "--rank", str(rank), *names]) for rank in range(2)]
    sys.exit(max(process.wait() for process in ranks))


if __name__ == "__main__":
    main()
