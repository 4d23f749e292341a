"""The processes of a cluster, from options and from the variables of launchers."""

import json

import pytest

from ganzoo.environment.cluster import Cluster, find_cluster, first_host
from ganzoo.errors import ConfigError

TORCHRUN = {"RANK": "3", "WORLD_SIZE": "4", "MASTER_ADDR": "gpu1", "MASTER_PORT": "29500"}
SLURM = {
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_PROCID": "2",
    "SLURM_JOB_ID": "1234567",
    "SLURM_STEP_NODELIST": "gpu[03-05,9],login1",
    "SLURM_STEP_TASKS_PER_NODE": "1(x4)",
}


def tf_config(cluster, kind, index):
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


def test_one_process_is_no_cluster():
    assert find_cluster(environ={}) is None
    assert find_cluster(environ=tf_config({"worker": ["a:1"]}, "worker", 0)) is None
    assert find_cluster(environ=TORCHRUN | {"WORLD_SIZE": "1", "RANK": "0"}) is None
    assert find_cluster(environ=SLURM | {"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}) is None


def test_a_batch_script_of_slurm_without_srun_is_one_process():
    assert find_cluster(environ={"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_JOB_ID": "7"}) is None


def test_options_come_first():
    found = find_cluster(nodes=2, node_rank=1, master="gpu7:4000", environ=TORCHRUN)
    assert found == Cluster(2, 1, "gpu7", 4000, "--nodes")
    assert not found.is_chief


def test_an_ipv6_address():
    found = find_cluster(nodes=2, node_rank=0, master="[fe80::1]:4000", environ={})
    assert (found.host, found.port, found.is_chief) == ("fe80::1", 4000, True)


def test_tf_config_with_and_without_a_chief():
    hosts = ["a:1000", "b:1000", "c:1000"]
    found = find_cluster(environ=tf_config({"worker": hosts}, "worker", 2))
    assert (found.rank, found.size, found.host, found.port, found.servers) == (2, 3, "a", 1001, tuple(hosts))
    found = find_cluster(environ=tf_config({"chief": hosts[:1], "worker": hosts[1:]}, "worker", 1))
    assert (found.rank, found.servers) == (2, tuple(hosts))


@pytest.mark.parametrize(("own", "port"), [("True", 29501), ("False", 29500)])
def test_torchrun_and_its_own_port(own, port):
    found = find_cluster(environ=TORCHRUN | {"TORCHELASTIC_USE_AGENT_STORE": own})
    assert found == Cluster(4, 3, "gpu1", port, "RANK and WORLD_SIZE")


def test_several_processes_of_a_machine_use_a_gpu_each():
    assert find_cluster(environ=TORCHRUN | {"LOCAL_WORLD_SIZE": "2", "LOCAL_RANK": "1"}).gpu == 1
    assert find_cluster(environ=SLURM | {"SLURM_STEP_TASKS_PER_NODE": "2(x2)", "SLURM_LOCALID": "1"}).gpu == 1
    assert find_cluster(environ=SLURM | {"SLURM_LOCALID": "0"}).gpu is None


def test_slurm():
    assert find_cluster(environ=SLURM) == Cluster(4, 2, "gpu03", 29400 + 4567, "SLURM")


@pytest.mark.parametrize(
    ("nodes", "host"),
    [("a", "a"), ("a,b", "a"), ("n[1,3]", "n1"), ("n-x[007-12]", "n-x007"), ("n1.local,n2", "n1.local"), ("", None)],
)
def test_first_host(nodes, host):
    assert first_host(nodes) == host


@pytest.mark.parametrize(
    ("options", "environ", "message"),
    [
        ({"nodes": 2}, {}, "Missing: --node-rank, --master"),
        ({"nodes": 1, "node_rank": 0, "master": "a:1"}, {}, "received 1 processes"),
        ({"nodes": 2, "node_rank": 2, "master": "a:1"}, {}, "allowed are 0 to 1"),
        ({"nodes": 2, "node_rank": 0, "master": "a"}, {}, "received 'a'; allowed is HOST:PORT"),
        ({"nodes": 2, "node_rank": 0, "master": "a:70000"}, {}, "allowed is HOST:PORT"),
        ({}, {"TF_CONFIG": "{"}, "TF_CONFIG cannot be read"),
        ({}, {"TF_CONFIG": "[1]"}, "TF_CONFIG cannot be read"),
        ({}, tf_config({"worker": ["a:1", "b:1"], "ps": ["c:1"]}, "worker", 0), "the task 'ps'"),
        ({}, tf_config({"worker": ["a:1", "b:1"]}, "evaluator", 0), "the task 'evaluator'"),
        ({}, tf_config({"worker": ["a:1", "b:1"]}, "worker", 5), "rank 5 of 2"),
        ({}, TORCHRUN | {"RANK": "x"}, "RANK: received 'x'"),
        ({}, SLURM | {"SLURM_STEP_NODELIST": "[["}, "SLURM_STEP_NODELIST cannot be read"),
    ],
)
def test_errors_are_one_line(options, environ, message):
    with pytest.raises(ConfigError, match=r"^[^\n]+$") as caught:
        find_cluster(**options, environ=environ)
    assert message in str(caught.value)
