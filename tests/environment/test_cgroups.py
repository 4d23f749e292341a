"""Tests the limits of containers, from files as Docker, Kubernetes and systemd write them. No container is needed."""

from pathlib import Path

import pytest

from ganzoo.environment import cgroups
from ganzoo.environment.devices import affinity_count, available_memory, cpu_count, meminfo_available

GB = 1 << 30
UNLIMITED_V1 = "9223372036854771712\n"
MEMINFO = f"MemTotal: {32 << 20} kB\nMemFree: {1 << 20} kB\nMemAvailable: {16 << 20} kB\nCached: {15 << 20} kB\n"


class Machine:
    """A /proc and cgroup folders in a temporary place."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.sys = folder / "proc", folder / "sys fs"
        self.mounts = []
        self.write(self.proc / "meminfo", MEMINFO)
        self.write(self.proc / "self" / "cgroup", "")

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def mount(self, kind: str, place: str, *, root: str = "/", options: str = "rw") -> None:
        point = str(self.sys / place).replace(" ", "\\040")
        self.mounts.append(f"35 31 0:32 {root} {point} rw,relatime shared:9 - {kind} cgroup {options}")
        self.write(self.proc / "self" / "mountinfo", "\n".join(self.mounts) + "\n")

    def member(self, text: str) -> None:
        self.write(self.proc / "self" / "cgroup", text)

    def v2(self, group: str, **files: str) -> None:
        for name, text in files.items():
            self.write(self.sys / "unified" / group.strip("/") / name.replace("_", ".", 1), text)

    def v1(self, controller: str, group: str, **files: str) -> None:
        for name, text in files.items():
            self.write(self.sys / controller / group.strip("/") / f"{controller}.{name}", text)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_without_any_limit_the_machine_counts(machine):
    assert available_memory(machine.proc) == 16 * GB
    assert cpu_count(machine.proc) == affinity_count()


def test_version_2_in_a_container(machine):
    """Docker with its own cgroup namespace: the group is "/", and so is the mount."""
    machine.mount("cgroup2", "unified")
    machine.member("0::/\n")
    stat = f"anon 5\nfile 7\nactive_file {GB // 4}\ninactive_file {GB // 4}\nshmem 3\n"
    machine.v2("/", memory_max=f"{4 * GB}\n", memory_current=f"{2 * GB}\n", memory_stat=stat, cpu_max="50000 100000\n")
    assert available_memory(machine.proc) == 2 * GB + GB // 2
    assert cpu_count(machine.proc) == 1


def test_version_2_without_limits(machine):
    machine.mount("cgroup2", "unified")
    machine.member("0::/user.slice/session-1.scope\n")
    machine.v2("user.slice/session-1.scope", memory_max="max\n", memory_current="9\n", cpu_max="max 100000\n")
    assert available_memory(machine.proc) == 16 * GB
    assert cpu_count(machine.proc) == affinity_count()


def test_the_tightest_of_nested_groups_counts(machine):
    machine.mount("cgroup2", "unified")
    machine.member("0::/pod/container/job\n")
    machine.v2("pod", memory_max=f"{3 * GB}", memory_current=f"{2 * GB}", cpu_max="100000 100000")
    machine.v2("pod/container", memory_max="max", memory_current="1", cpu_max="max 100000")
    machine.v2("pod/container/job", memory_max=f"{8 * GB}", memory_current="0", cpu_max="6400000 100000")
    assert available_memory(machine.proc) == GB
    assert cpu_count(machine.proc) == 1


def test_the_limit_that_slows_down_counts_like_the_one_that_kills(machine):
    machine.mount("cgroup2", "unified")
    machine.member("0::/g\n")
    machine.v2("g", memory_max="max", memory_high=f"{2 * GB}", memory_current=f"{GB}")
    assert available_memory(machine.proc) == GB


def test_version_1(machine):
    machine.mount("cgroup", "memory", options="rw,memory")
    machine.mount("cgroup", "cpu", options="rw,cpu,cpuacct")
    machine.member("5:memory:/docker/abc\n4:cpuacct,cpu:/docker/abc\n0::/\n")
    stat = f"inactive_file 1\ntotal_inactive_file {GB // 2}\ntotal_active_file 0\n"
    machine.v1("memory", "docker/abc", limit_in_bytes=f"{2 * GB}", usage_in_bytes=f"{GB}", stat=stat)
    machine.v1("memory", "docker", limit_in_bytes=UNLIMITED_V1, usage_in_bytes="5")
    machine.v1("cpu", "docker/abc", cfs_quota_us="-1", cfs_period_us="100000")
    machine.v1("cpu", "docker", cfs_quota_us="20000", cfs_period_us="100000")
    assert available_memory(machine.proc) == GB + GB // 2
    assert cpu_count(machine.proc) == 1


def test_version_1_inside_a_container_without_a_namespace_of_its_own(machine):
    """The group is named as the host sees it, and the mount begins at the group."""
    machine.mount("cgroup", "memory", root="/docker/abc", options="rw,memory")
    machine.member("5:memory:/docker/abc\n")
    machine.v1("memory", "/", limit_in_bytes=f"{2 * GB}", usage_in_bytes=f"{GB}")
    assert available_memory(machine.proc) == GB


def test_a_group_that_the_mount_does_not_show(machine):
    """Its limits are on the mount's own folder then; ".." is how a namespace writes a group outside of it."""
    machine.mount("cgroup2", "unified")
    machine.v2("/", memory_max=f"{2 * GB}", memory_current="0")
    machine.v2("../x", memory_max="0", memory_current="0")
    machine.member("0::/../x\n")
    assert available_memory(machine.proc) == 2 * GB


def test_both_versions_at_once(machine):
    machine.mount("cgroup2", "unified")
    machine.mount("cgroup", "memory", options="rw,memory")
    machine.member("4:memory:/a\n1:name=systemd:/a\n0::/a\n")
    machine.v1("memory", "a", limit_in_bytes=f"{3 * GB}", usage_in_bytes="0")
    assert available_memory(machine.proc) == 3 * GB


def test_a_group_that_is_full(machine):
    machine.mount("cgroup2", "unified")
    machine.member("0::/\n")
    machine.v2("/", memory_max="100", memory_current="200")
    assert available_memory(machine.proc) == 0


@pytest.mark.parametrize("quota", ["", "0 100000", "max", "abc def", "100000", "100000 0", "-1 100000", "٣ 100000"])
def test_odd_quotas_are_no_limit(machine, quota):
    machine.mount("cgroup2", "unified")
    machine.member("0::/\n")
    machine.v2("/", cpu_max=quota, memory_max=quota, memory_current=quota)
    assert cpu_count(machine.proc) == affinity_count()
    assert available_memory(machine.proc) >= 0


@pytest.mark.parametrize(("quota", "cores"), [("1", 1), ("100000", 1), ("150000", 2), ("400000", 4)])
def test_a_part_of_a_core_counts_whole(machine, quota, cores):
    machine.mount("cgroup2", "unified")
    machine.member("0::/\n")
    machine.v2("/", cpu_max=f"{quota} 100000")
    (group,) = cgroups.find_groups("cpu", membership="0::/\n", mounts="\n".join(machine.mounts))
    assert cgroups.cpu_quota(group) == cores


@pytest.mark.parametrize(
    "text", ["", "x", "0::", "::\n::", "1:memory\n", "\n\n", "- - -", " - cgroup2", "1 2 3 - cgroup2 a b"]
)
def test_odd_texts_of_the_kernel(text):
    for membership, mounts in ((text, ""), ("0::/a", text), (text, text)):
        assert cgroups.find_groups("memory", membership=membership, mounts=mounts) in ((), ((Path("/"),), 2))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", None),
        ("MemTotal: 5 kB", None),
        ("MemFree: 2 kB\nCached: 3 kB\nShmem: 1 kB", 4096),
        ("MemFree: 2 kB\nMemAvailable: 9 kB", 9216),
        ("MemAvailable: many\nMemFree: 1 kB", 1024),
    ],
)
def test_meminfo(text, size):
    assert meminfo_available(text) == size


def test_a_system_without_proc(tmp_path):
    assert available_memory(tmp_path / "nothing") <= 4 * GB
    assert cpu_count(tmp_path / "nothing") >= 1
