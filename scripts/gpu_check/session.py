# SPDX-License-Identifier: Apache-2.0
"""Runs steps and their commands, each within its time."""
import dataclasses
import os
import pathlib
import signal
import subprocess
import time


class Failed(Exception):
    """A step's result is wrong; the text says how."""


class Skipped(Exception):
    """A step cannot be run here; the text says why."""


@dataclasses.dataclass
class Step:
    name: str
    seconds: float  # limit
    run: object  # takes the session, returns a dictionary of facts


@dataclasses.dataclass
class Result:
    name: str
    status: str  # passed, failed or skipped
    seconds: float
    facts: dict
    problem: str = ""  # why it failed or was skipped


@dataclasses.dataclass
class Outcome:
    code: int
    output: str
    errors: str

    def lines(self):
        return self.output.splitlines()


class Session:
    """Where steps run: programs, a folder for what they write, the device, and the time by which they must end."""

    def __init__(self, programs, work, log, rehearse):
        self.programs = pathlib.Path(programs).resolve()
        self.work = pathlib.Path(work)
        self.log = log
        self.rehearse = rehearse
        self.device = "cpu" if rehearse else "cuda"
        self.deadline = time.monotonic()
        self.gpu = {}  # name, memory and clocks, from nvidia-smi

    def run(self, *command, expected=(0,), environment=None):
        """Ends the command and all it has started at the deadline. Raises Failed where its exit code is none of
        `expected`; None accepts every code."""
        words = [str(word) for word in command]
        begin = time.monotonic()
        process = subprocess.Popen(words, cwd=self.work, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   errors="replace", start_new_session=True, env={**os.environ, **(environment or {})})
        try:
            output, errors = process.communicate(timeout=max(0.1, self.deadline - begin))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, errors = process.communicate()
            self._note(words, "ended", time.monotonic() - begin, output, errors)
            raise Failed(f"not done after {time.monotonic() - begin:.0f} s: {' '.join(words)}") from None
        self._note(words, process.returncode, time.monotonic() - begin, output, errors)
        if expected is not None and process.returncode not in expected:
            last = (errors.strip() or output.strip()).splitlines()[-1:] or ["no message"]
            raise Failed(f"exit code {process.returncode} of {words[0].rsplit('/', 1)[-1]} {' '.join(words[1:3])}: {last[0]}")
        return Outcome(process.returncode, output, errors)

    def molmo(self, *arguments):
        return self.run(self.programs / "molmo", *arguments)

    def _note(self, words, code, seconds, output, errors):
        self.log.write(f"$ {' '.join(words)}\n{output}{errors}[{code}, {seconds:.1f} s]\n\n")
        self.log.flush()


def run_steps(session, steps, seconds, report):
    """Runs the steps within `seconds` together, and calls `report` after each with its result. A step that is left no time is
    skipped and says so."""
    end = time.monotonic() + seconds
    results = []
    for step in steps:
        begin = time.monotonic()
        session.deadline = min(end, begin + step.seconds)
        if end - begin < 1:
            result = Result(step.name, "skipped", 0, {}, "no time left")
        else:
            result = _run_step(session, step, begin)
        results.append(result)
        report(result)
    return results


def _run_step(session, step, begin):
    facts, status, problem = {}, "passed", ""
    try:
        facts = step.run(session) or {}
    except Skipped as reason:
        status, problem = "skipped", str(reason)
    except Failed as reason:
        status, problem = "failed", str(reason)
    except (OSError, ValueError, KeyError, IndexError) as error:  # output that is not what was expected
        status, problem = "failed", f"{type(error).__name__}: {error}"
    return Result(step.name, status, time.monotonic() - begin, facts, problem)
