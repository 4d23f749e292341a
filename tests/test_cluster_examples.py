"""The files of ``examples/cluster``. ``tests/training/test_replicas.py`` starts the commands of the Compose file."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

EXAMPLES = Path(__file__).parent.parent / "examples" / "cluster"


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Programs that write down how the script calls them. ``srun`` ends with the code in the file ``code``."""
    for name in ("srun", "scontrol"):
        program = tmp_path / name
        program.write_text(f'#!/bin/bash\necho {name} "$@" >> calls\n[ {name} = scontrol ] || exit $(cat code)\n')
        program.chmod(0o755)
    monkeypatch.chdir(tmp_path)

    def submitted(code):
        (tmp_path / "code").write_text(str(code))
        (tmp_path / "calls").write_text("")
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "17"}
        script = ["bash", str(EXAMPLES / "train.sbatch"), "dcgan-faces-32"]
        done = subprocess.run(script, env=environment, check=False)
        return done.returncode, (tmp_path / "calls").read_text().splitlines()

    return submitted


@pytest.mark.skipif(os.name == "nt", reason="SLURM does not run on Windows")
def test_the_slurm_script_starts_requeues_and_resumes(slurm, tmp_path):
    assert slurm(130) == (130, ["srun ganzoo train dcgan-faces-32", "scontrol requeue 17"])
    run = tmp_path / "runs" / "17" / "dcgan-faces-32" / "001"
    run.mkdir(parents=True)
    (run / "config.yaml").touch()
    assert slurm(0) == (0, ["srun ganzoo train --resume"])
    assert slurm(2) == (2, ["srun ganzoo train --resume"])


def test_the_job_of_kubernetes_has_a_process_for_each_rank():
    job = yaml.safe_load((EXAMPLES / "jobset.yaml").read_text())
    template = job["spec"]["replicatedJobs"][0]["template"]["spec"]
    command = template["template"]["spec"]["containers"][0]["args"][0]
    assert template["completionMode"] == "Indexed"
    assert f"--nodes {template['completions']} " in command
    assert f"{job['metadata']['name']}-train-0-0.{job['metadata']['name']}:" in command
