"""Snakemake's executor for Kubernetes, on a volume that all pods share.

The published plugin takes it that pods share no files, and has Snakemake bring each rule's inputs from object storage.
The stages here read more than a rule names, images above all, so the pods mount the checkout itself and work in it.
Snakemake finds this file because `repro reproduce` puts the profile's folder on its path.
"""

import shlex
from dataclasses import replace
from pathlib import Path

from snakemake_executor_plugin_kubernetes import Executor as _Executor
from snakemake_executor_plugin_kubernetes import ExecutorSettings as ExecutorSettings
from snakemake_executor_plugin_kubernetes import common_settings as _settings
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

common_settings = replace(
    _settings,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_default_storage_provider_args=False,
    auto_deploy_default_storage_provider=False,
)


class Executor(_Executor):
    """Runs each job in a pod of its own, in the folder that the workflow was started in."""

    def get_job_exec_prefix(self, job: JobExecutorInterface) -> str:
        del job
        return f"cd {shlex.quote(str(Path.cwd()))}"
