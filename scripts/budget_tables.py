#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tables of docs/budget.md: what training steps ask of a GPU, counted by `molmo bench train --budget` on a simulated one.

Usage: budget_tables.py --molmo MOLMO [--write]
Without --write it fails where the page's tables are not those that are counted now, and names the first rows that
differ: a change that adds a pass over memory, a launch or a collective is seen here.
"""
import argparse
import json
import pathlib
import subprocess
import sys

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "budget.md"
PAPER_STEP = ("--tokens", 2304, "--crops", 13, "--dropout", "--recompute")  # rows are padded to 2304, pictures have 12 crops and one
# Model, ranks, replicas, rows of a rank, steps, hours in the paper [Table 8].
PAPER_RUNS = [
    ("caption", "molmoe-1b", 8, 1, 16, 22300, 33.3), ("caption", "molmo-7b-d", 64, 8, 2, 22300, 8.6),
    ("caption", "molmo-7b-o", 64, 8, 2, 22300, 8.9), ("caption", "molmo-72b", 128, 1, 1, 22300, 33.3),
    ("SFT", "molmoe-1b", 64, 8, 4, 30000, 13.3), ("SFT", "molmo-7b-d", 128, 16, 2, 30000, 11.2),
    ("SFT", "molmo-7b-o", 128, 16, 2, 32000, 13.5), ("SFT", "molmo-72b", 256, 1, 1, 20000, 32.4)]


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--molmo", required=True)
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


def budget(molmo, shape, *options):
    command = [molmo, "bench", "train", "--budget", "--json", "--dtype", "bf16", "--shape", shape, *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"budget_tables: {' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def rest_of(effort):
    return effort["seconds"] - effort["product_seconds"] - effort["attention_seconds"]


def units(molmo):
    counted = budget(molmo, "molmo-7b-d", "--rows", 4, "--tokens", 2048, "--crops", 13)
    rows = []
    for part in counted["parts"]:
        for side in ("forward", "backward"):
            effort = part[side]
            if effort["launches"] > 0:
                name = f"`{part['name']}`" if "." in part["name"] else part["name"]
                rows.append([f"{name}, {side}" if part["backward"]["launches"] else name, part["count"], effort["launches"],
                             f"{effort['bytes'] / 1e9:.2f}", f"{effort['flops'] / 1e12:.2f}", f"{1e3 * effort['product_seconds']:.1f}",
                             f"{1e3 * effort['attention_seconds']:.1f}", f"{1e3 * rest_of(effort):.1f}"])
    return table(["units", "number", "launches", "GB", "TFLOP", "products, ms", "attention, ms", "rest, ms"], rows)


def step_row(name, counted):
    collectives = [sum_ for kind, sum_ in counted["collectives"].items() if "hosts" not in kind]
    return [name, counted["step"]["launches"], counted["step"]["host_waits"], sum(each["count"] for each in collectives),
            f"{sum(each['bytes_sent'] for each in collectives) / 1e9:.1f}", f"{1e3 * counted['exposed_seconds']:.0f}",
            f"{1e3 * counted['step_seconds']:.0f}", f"{100 * counted['mfu']:.1f}", f"{counted['peak_bytes'] / 2**30:.1f}"]


def steps(molmo):
    cases = [("molmo-7b-d", 4, 1, 1, ()), ("molmo-7b-d", 4, 8, 1, ()), ("molmo-7b-d", 2, 64, 8, ()), ("molmo-7b-d", 2, 64, 1, ()),
             ("molmo-72b", 1, 256, 1, ("--recompute",)), ("molmoe-1b", 4, 64, 8, ())]
    rows = []
    for shape, num_rows, ranks, replicas, options in cases:
        counted = budget(molmo, shape, "--rows", num_rows, "--tokens", 2048, "--crops", 13, "--ranks", ranks, "--replicas", replicas, *options)
        name = f"{shape}, {num_rows} rows, {ranks} ranks" + (f" in {replicas} replicas" if replicas > 1 else "") + (", recomputed" if options else "")
        rows.append(step_row(name, counted))
    return table(["step", "launches", "host waits", "collectives", "GB sent", "exposed, ms", "step, ms", "MFU, %", "GiB"], rows)


def paper(molmo):
    rows = []
    for stage, shape, ranks, replicas, num_rows, num_steps, hours in PAPER_RUNS:
        counted = budget(molmo, shape, "--rows", num_rows, "--ranks", ranks, "--replicas", replicas, *PAPER_STEP)
        predicted = counted["step_seconds"] * num_steps / 3600
        rows.append([f"{stage}, {shape}", ranks, num_rows, num_steps, f"{1e3 * counted['step_seconds']:.0f}", f"{100 * counted['mfu']:.1f}",
                     f"{predicted:.1f}", hours, f"{predicted / hours:.2f}"])
    return table(["run", "GPUs", "rows a GPU", "steps", "step, ms", "MFU, %", "predicted, h", "paper, h", "ratio"], rows)


def renew(text, name, body):
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        sys.exit(f"budget_tables: no place for the table '{name}' in {PAGE}")
    return text[:text.index(begin) + len(begin)] + body + "\n" + text[text.index(end):]


def main():
    options = parse_arguments()
    old = new = PAGE.read_text(encoding="utf-8")
    for name, make in (("units", units), ("steps", steps), ("paper", paper)):
        new = renew(new, name, make(options.molmo))
    if options.write:
        PAGE.write_text(new, encoding="utf-8")
        return
    if old != new:
        pairs = [(a, b) for a, b in zip(old.splitlines(), new.splitlines()) if a != b]
        lines = "".join(f"  counted  {b}\n  page     {a}\n" for a, b in pairs[:6])
        sys.exit(f"budget_tables: {PAGE} is not what is counted now:\n{lines}If that is what the change was for: "
                 "scripts/budget_tables.py --molmo build/release/bin/molmo --write")


main()
