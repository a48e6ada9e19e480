# SPDX-License-Identifier: Apache-2.0
"""See gpu_check.sh, which starts this."""
import argparse
import dataclasses
import json
import pathlib
import sys
import tempfile

import correctness
import page
import speed
from session import Session, run_steps

PARTS = {"correctness": (correctness.STEPS, 300), "speed": (speed.STEPS, 360)}  # seconds of each part together


def parse_arguments():
    parser = argparse.ArgumentParser(prog="gpu_check.sh", add_help=False)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--part", choices=("correctness", "speed", "all"), default="all")
    parser.add_argument("--out", default="gpu_check_results")
    parser.add_argument("--rehearse", action="store_true")
    return parser.parse_args()


def main():
    options = parse_arguments()
    out = pathlib.Path(options.out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    results = []
    with tempfile.TemporaryDirectory() as work, open(out / "log.txt", "w", encoding="utf-8") as log, \
            open(out / "page.txt", "w", encoding="utf-8") as paper:
        session = Session(options.programs, work, log, options.rehearse)

        def say(text):
            print(text, flush=True)
            print(text, file=paper, flush=True)

        def report(result):
            results.append(result)
            say(page.write_result(result))
            record = {"gpu": session.gpu, "rehearsal": options.rehearse, "steps": [dataclasses.asdict(each) for each in results]}
            (out / "results.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

        for part in PARTS:
            if options.part not in (part, "all"):
                continue
            if any(result.status == "failed" for result in results):
                say(f"{part}: not measured, since a step of correctness failed")
                break
            steps, seconds = PARTS[part]
            if not results and part == "speed":
                steps = [correctness.STEPS[0], *steps]  # which knows the GPU's name
            run_steps(session, steps, seconds, report)
        say(page.write_summary(results))
    checks = {step.name for step in correctness.STEPS}
    return 1 if any(result.status == "failed" and (result.name in checks or options.rehearse) for result in results) else 0


sys.exit(main())
