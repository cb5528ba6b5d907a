"""A temporary Slurm cluster of two nodes on this machine; all its files are in one folder."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

COMMANDS = ("munged", "mungekey", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "sinfo")
NODES = ("one", "two")
# Without accounting, cgroups or systemd. The nodes declare the resources that the profile requests, also GPUs; they are
# not enforced.
CONFIG = """
ClusterName=repro
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
GresTypes=gpu
ReturnToService=0
SlurmdTimeout=15
MinJobAge=3600
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=8 RealMemory=65536 Gres=gpu:1"


@dataclass
class Cluster:
    folder: Path
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        return os.environ | {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}

    def query(self, *command: str) -> str:
        """The output of a Slurm command."""
        finished = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True, timeout=60)
        return finished.stdout.strip()

    def start(self) -> None:
        host = socket.gethostname()
        # Free ports, reserved until the daemons start: slurm.conf must list them before.
        reserved = [socket.create_server(("127.0.0.1", 0)) for _ in range(1 + len(NODES))]
        ports = [server.getsockname()[1] for server in reserved]
        nodes = [NODE.format(name=name, host=host, port=port) for name, port in zip(NODES, ports[1:], strict=True)]
        config = CONFIG.format(
            host=host, user=getpass.getuser(), folder=self.folder, controller_port=ports[0], nodes="\n".join(nodes)
        )
        (self.folder / "slurm.conf").write_text(config, encoding="utf-8")
        (self.folder / "gres.conf").write_text("Name=gpu File=/dev/null\n", encoding="utf-8")
        (self.folder / "cgroup.conf").write_text("CgroupAutomount=no\n", encoding="utf-8")
        (self.folder / "state").mkdir()
        # The plugin removes SLURM_CONF for the srun that it starts in a job, which then expects /etc/slurm/slurm.conf.
        srun = self.folder / "bin" / "srun"
        srun.parent.mkdir()
        script = f'#!/bin/sh\nSLURM_CONF={self.folder / "slurm.conf"} exec {shutil.which("srun")} "$@"\n'
        srun.write_text(script, encoding="utf-8")
        srun.chmod(0o755)
        for server in reserved:
            server.close()
        key, munge = self.folder / "munge.key", self.folder / "munge"
        subprocess.run(["mungekey", "--create", f"--keyfile={key}"], check=True)
        files = {name: f"--{name}-file={munge}.{name}" for name in ("pid", "log", "seed")}
        # --force: munged otherwise rejects a folder of root that others may not enter.
        places = (f"--key-file={key}", f"--socket={munge}.socket", *files.values())
        self._launch("munged", "munged", "--foreground", "--force", *places)
        self._launch("slurmctld", "slurmctld", "-D", "-f", str(self.folder / "slurm.conf"))
        for name in NODES:
            self._launch(name, "slurmd", "-D", "-N", name, "-f", str(self.folder / "slurm.conf"))
        self._wait_for_nodes()

    def kill(self, node: str) -> None:
        """Simulate a power cut: kill the daemon of the node and all its processes without notice."""
        pids = [self.daemons[node].pid]
        for process in psutil.process_iter(["cmdline", "environ"]):
            if (process.info["environ"] or {}).get("SLURMD_NODENAME") == node:
                pids.append(process.pid)
        steps = {parent.pid for pid in pids[1:] for parent in _ancestors(pid) if "slurmstepd" in parent.name()}
        for pid in {*pids, *steps}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.daemons.pop(node).wait()

    def stop(self) -> None:
        """End all processes, jobs first; kill those that do not end within seconds."""
        for name in [name for name in self.daemons if name in NODES]:
            self.kill(name)
        for daemon in reversed(self.daemons.values()):
            daemon.terminate()
        for daemon in self.daemons.values():
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self.daemons.clear()
        # Jobs that were being launched when their node was killed.
        while remaining := self._processes():
            for process in remaining:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(remaining, 5)

    def _processes(self) -> list[psutil.Process]:
        """Processes with the configuration of this cluster, and step daemons that write to its logs."""
        config, processes = self.environment["SLURM_CONF"], []
        for process in psutil.process_iter(["environ", "name", "status"]):
            with suppress(psutil.Error):
                step = process.info["name"] == "slurmstepd" and self._has_open_files(process)
                ours = step or (process.info["environ"] or {}).get("SLURM_CONF") == config
                if ours and process.info["status"] != psutil.STATUS_ZOMBIE:
                    processes.append(process)
        return processes

    def _has_open_files(self, process: psutil.Process) -> bool:
        return any(Path(file.path).is_relative_to(self.folder) for file in process.open_files())

    def _launch(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.out").open("wb") as out:
            self.daemons[name] = subprocess.Popen(
                command, env=self.environment, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )

    def _wait_for_nodes(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for name, daemon in self.daemons.items():
                if daemon.poll() is not None:
                    raise RuntimeError(f"{name} ended: {(self.folder / f'{name}.out').read_text(errors='replace')}")
            try:
                if self.query("sinfo", "--noheader", "--Node", "--format=%T").split() == ["idle"] * len(NODES):
                    return
            except subprocess.CalledProcessError:
                pass
            time.sleep(0.5)
        raise RuntimeError(f"the nodes did not come up; see the logs in {self.folder}")


def _ancestors(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).parents()
    except psutil.NoSuchProcess:
        return []


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A running cluster; its logs remain in `folder`."""
    started = Cluster(folder)
    try:
        started.start()
        yield started
    finally:
        started.stop()
