"""Finds the processes that train one run together: from options, or from the variables of a cluster's launcher."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ganzoo.errors import ConfigError

SLURM_PORT = 29400
"""The port of the chief in a SLURM job is this number plus the last digits of the job's number."""
EXAMPLE = "--nodes 2 --node-rank 0 --master HOST:PORT"


@dataclass(frozen=True)
class Cluster:
    """The processes that train one run.

    Attributes:
        size: number of processes.
        rank: number of this process, from 0. Process 0 is the chief, which writes the run folder.
        host: the chief's host name or address.
        port: the port at which the chief waits for the others.
        found_in: what describes the cluster, for messages.
        servers: the ``host:port`` of TensorFlow's server in each process, if they are given; else empty.
        gpu: the only GPU that this process uses, if each GPU of a machine has a process; else None.
    """

    size: int
    rank: int
    host: str
    port: int
    found_in: str
    servers: tuple[str, ...] = ()
    gpu: int | None = None

    @property
    def is_chief(self) -> bool:
        """Whether this process is the chief."""
        return self.rank == 0


def find_cluster(
    *,
    nodes: int | None = None,
    node_rank: int | None = None,
    master: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Cluster | None:
    """Return the cluster of the options, of ``TF_CONFIG``, of torchrun or of SLURM, whichever is first; None if alone.

    Args:
        nodes, node_rank, master: the options of ``ganzoo train``. Either all are given, or none.
        environ: the variables of the process; by default ``os.environ``.

    Raises:
        ConfigError: if they contradict each other, or a variable cannot be read.
    """
    environ = os.environ if environ is None else environ
    given = {"--nodes": nodes, "--node-rank": node_rank, "--master": master}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) < len(given):
        if missing:
            raise ConfigError(f"Missing: {', '.join(missing)}. Several machines need all three, for example {EXAMPLE}")
        host, port = _address(str(master), "--master")
        return _checked(Cluster(int(nodes or 0), int(node_rank or 0), host, port, "--nodes"))
    for find in (_tf_config, _torchrun, _slurm):
        cluster = find(environ)
        if cluster is not None:
            return cluster
    return None


def _tf_config(environ: Mapping[str, str]) -> Cluster | None:
    text = environ.get("TF_CONFIG", "").strip()
    if not text:
        return None
    try:
        values = json.loads(text)
        roles = dict(values.get("cluster", {}))
        task = values.get("task", {})
        chiefs, workers = list(roles.pop("chief", [])), list(roles.pop("worker", []))
        roles.pop("evaluator", None)
        kind, index = task.get("type", "worker"), int(task.get("index", 0))
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"TF_CONFIG cannot be read: {error}. Unset it to train on this machine alone") from error
    servers = tuple(str(server) for server in (*chiefs, *workers))
    if len(servers) < 2:
        return None
    if roles or kind not in ("chief", "worker"):
        found = ", ".join([*roles, *([] if kind in ("chief", "worker") else [kind])])
        raise ConfigError(f"TF_CONFIG has the task '{found}'; ganzoo trains with chief and worker only")
    rank = index + (len(chiefs) if kind == "worker" else 0)
    host, port = _address(servers[0], "TF_CONFIG")
    if port == 65535:
        raise ConfigError("TF_CONFIG gives the chief port 65535, but ganzoo also needs the next port")
    return _checked(Cluster(len(servers), rank, host, port + 1, "TF_CONFIG", servers))


def _torchrun(environ: Mapping[str, str]) -> Cluster | None:
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= environ.keys():
        return None
    size, rank = _number(environ, "WORLD_SIZE"), _number(environ, "RANK")
    if size < 2:
        return None
    port = _number(environ, "MASTER_PORT")
    if environ.get("TORCHELASTIC_USE_AGENT_STORE", "").lower() == "true":
        port += 1  # torchrun itself listens at MASTER_PORT
    several = environ.get("LOCAL_WORLD_SIZE", "1") != "1"
    gpu = _number(environ, "LOCAL_RANK") if several and "LOCAL_RANK" in environ else None
    return _checked(Cluster(size, rank, environ["MASTER_ADDR"], port, "RANK and WORLD_SIZE", gpu=gpu))


def _slurm(environ: Mapping[str, str]) -> Cluster | None:
    # Only srun sets the variables of a step. A script of sbatch without srun is one process.
    if "SLURM_STEP_NUM_TASKS" not in environ or "SLURM_PROCID" not in environ:
        return None
    size = _number(environ, "SLURM_STEP_NUM_TASKS")
    if size < 2:
        return None
    nodes = environ.get("SLURM_STEP_NODELIST") or environ.get("SLURM_JOB_NODELIST", "")
    host = first_host(nodes)
    if not host:
        raise ConfigError(f"SLURM_STEP_NODELIST cannot be read: '{nodes}'. Use {EXAMPLE}")
    port = SLURM_PORT + _number(environ, "SLURM_JOB_ID") % 10_000
    tasks = re.match(r"\d+", environ.get("SLURM_STEP_TASKS_PER_NODE", "1"))
    several = tasks is not None and int(tasks[0]) > 1
    gpu = _number(environ, "SLURM_LOCALID") if several and "SLURM_LOCALID" in environ else None
    return _checked(Cluster(size, _number(environ, "SLURM_PROCID"), host, port, "SLURM", gpu=gpu))


def first_host(nodes: str) -> str | None:
    """Return the first host of a list as SLURM writes it: ``gpu[03-05,9],login1`` -> ``gpu03``; None if it is none."""
    match = re.match(r"([A-Za-z0-9._-]+)(?:\[(\d+)[\d,-]*\])?(?:,|$)", nodes.strip())
    return None if match is None else match[1] + (match[2] or "")


def _checked(cluster: Cluster) -> Cluster:
    if cluster.size < 2:
        raise ConfigError(f"{cluster.found_in}: received {cluster.size} processes; allowed are 2 or more")
    if not 0 <= cluster.rank < cluster.size:
        raise ConfigError(
            f"{cluster.found_in}: received rank {cluster.rank} of {cluster.size} processes; allowed are 0 to "
            f"{cluster.size - 1}"
        )
    return cluster


def _address(text: str, name: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(f"{name}: received '{text}'; allowed is HOST:PORT with a port from 1 to 65535")
    return host, int(port)


def _number(environ: Mapping[str, str], name: str) -> int:
    text = environ.get(name, "")
    if not text.isascii() or not text.isdigit():
        raise ConfigError(f"{name}: received '{text}'; allowed is a whole number")
    return int(text)
