"""Runs in processes of their own: one that hangs or dies takes nothing else with it."""

import asyncio
import multiprocessing
import os
import re
import resource
import shutil
import tempfile
import time
import traceback
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.torture import faults
from tests.torture.fault import FAULTS, Fault, Trial, attempt, trial
from tests.torture.report import Result

ROOT = Path(__file__).parents[2]
LOG = ROOT / "out" / "torture" / "workers.log"
AT_A_TIME = 3 * (os.cpu_count() or 1)  # runs: each computes for two fifths of its time, else it waits


def workers(jobs: int) -> ProcessPoolExecutor:
    """So many processes that know all faults."""
    return ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_prepare)


def _prepare() -> None:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    said = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(said, 1)  # what services and event loops say of what is done to them would tear the table and its bar
    os.dup2(said, 2)
    warnings.simplefilter("ignore", ResourceWarning)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    faults.load()


def one_run(name: str, number: int, seed: int) -> Result:
    """In a process of the pool. The folder of a run that failed is kept."""
    one = next(fault for fault in FAULTS if fault.id == name)
    folder = Path(tempfile.mkdtemp(prefix="mailguard-torture-", dir="/var/tmp"))  # a disk, not memory
    run, started, error = trial(one, number, seed, folder), time.monotonic(), ""
    try:
        asyncio.run(_bounded(one, run))
    except Exception as trouble:
        kept = ROOT / "out" / "torture" / re.sub(r"\W+", "-", f"{name}-{number}")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(folder, kept, ignore=lambda at, names: [n for n in names if Path(at, n).is_socket()])
        at = traceback.extract_tb(trouble.__traceback__)[-1]
        where = f"at {Path(at.filename).name}:{at.lineno}; its folder: {kept.relative_to(ROOT)}"
        error = f"{type(trouble).__name__}: {trouble} ({where})"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    seconds = time.monotonic() - started
    return Result(name, number, run.accepted, run.lost, run.duplicated, run.kills, seconds, run.note, error)


async def _bounded(one: Fault, run: Trial) -> None:
    async with asyncio.timeout(one.seconds * 2):  # others run beside it
        await attempt(one, run)
