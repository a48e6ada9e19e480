#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints what nvcc makes of the kernels of src/cuda, and fails where one spills, takes too many registers or loads less
than 16 bytes at a time where it takes packs. Needs nvcc 13, no GPU.

Usage: kernel_code.py [--nvcc NVCC] [--arch 90] [--table]
Widths of accesses are read from machine code where cuobjdump is in PATH or beside nvcc, else from PTX.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "src")
MOST_REGISTERS = 64  # of 65536: room for two blocks of 512 threads
# Narrow accesses of kernels that take packs: a scale, a key.
EXTRA = {"rms_norm_backward_kernel": {"store": 1}, "row_uniforms_kernel": {"load": 1}}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"kernel_code: {' '.join(command)} failed:\n{done.stderr}")
    return done.stdout + done.stderr


def resources(log):
    """Registers, spilled bytes and shared memory of each kernel, from ptxas -v."""
    found, name = {}, None
    for line in log.splitlines():
        if match := re.search(r"Compiling entry function '(\w+)'", line):
            name = match.group(1)
            found[name] = {}
        elif match := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line):
            if name is not None:
                found[name]["spilled"] = sum(map(int, match.groups()))
        elif match := re.search(r"Used (\d+) registers", line):
            found[name]["registers"] = int(match.group(1))
            shared = re.search(r"(\d+) bytes smem", line)
            found[name]["shared"] = int(shared.group(1)) if shared else 0
    return found


def accesses(text, entry, access, read):
    """(load or store, bits) of every access of global memory, by kernel: `entry` matches the line with a kernel's name,
    `access` the lines of which `read` makes those pairs."""
    found, name = {}, None
    for line in text.splitlines():
        if match := re.search(entry, line):
            name = match.group(1)
            found[name] = []
        elif name is not None and (match := re.search(access, line)):
            found[name].append(read(match))
    return found


def accesses_of_machine_code(text):
    """Of cuobjdump -sass."""
    def read(match):
        bits = re.search(r"\b(U?S?8|U?S?16|64|128)\b", match.group(2).replace(".", " "))
        return "load" if match.group(1) == "LDG" else "store", int(re.sub(r"\D", "", bits.group(1))) if bits else 32
    return accesses(text, r"Function : (\w+)", r"\b(LDG|STG)\.(\S*)", read)


def accesses_of_ptx(text):
    def read(match):
        return "load" if match.group(1) == "ld" else "store", int(match.group(2) or 1) * int(match.group(3))
    return accesses(text, r"\.entry (\w+)", r"\b(ld|st)\.global(?:\.nc)?\S*?(?:\.v(\d))?\.[a-z](\d+)\b", read)


def analyse(source, options, folder):
    cubin = os.path.join(folder, os.path.basename(source) + ".cubin")
    flags = ["-O3", "-std=c++17", "--expt-relaxed-constexpr", f"-I{SOURCE}"]
    log = run(options.nvcc, *flags, "-cubin", f"-arch=sm_{options.arch}", "-Xptxas", "-v", source, "-o", cubin)
    disassembler = shutil.which("cuobjdump") or os.path.join(os.path.dirname(options.nvcc), "cuobjdump")
    if os.path.exists(disassembler):
        found = accesses_of_machine_code(run(disassembler, "-sass", cubin))
    else:
        ptx = cubin.replace(".cubin", ".ptx")
        run(options.nvcc, *flags, "-ptx", f"-arch=compute_{options.arch}", source, "-o", ptx)
        found = accesses_of_ptx(open(ptx, encoding="utf-8").read())
    kernels = resources(log)
    for name, facts in kernels.items():
        facts["accesses"] = found[name]
    return kernels


def readable(name):
    text = run("c++filt", name).strip()
    match = re.search(r"(\w+_kernel)(?:<(.*?)>)?\(", text)
    if not match:
        return text
    values = re.sub(r"__nv_bfloat16", "bf16", match.group(2) or "")
    values = re.sub(r"\(\w+\)", "", values).replace("false", "backward").replace("true", "forward")
    return f"{match.group(1)}<{values}>" if values else match.group(1)


def problems(name, facts):
    """What is wrong with a kernel, in words."""
    if facts["spilled"] > 0:
        yield f"{facts['spilled']} bytes on the stack or spilled, expected none"
    if facts["registers"] > MOST_REGISTERS:
        yield f"{facts['registers']} registers, expected at most {MOST_REGISTERS}"
    if not re.search(r"\b[48]\b", name):
        return  # takes single values
    for kind in ("load", "store"):
        narrow = sum(1 for which, bits in facts["accesses"] if which == kind and bits < 128)
        wide = sum(1 for which, bits in facts["accesses"] if which == kind and bits == 128)
        expected = EXTRA.get(name.split("<")[0], {}).get(kind, 0)
        # A loop that is unrolled repeats what it has.
        if narrow > 4 * expected or (wide == 0 and not (expected > 0 and narrow > 0)):
            yield f"{wide} {kind}s of 16 bytes and {narrow} narrower ones, expected {'few' if expected else 'no'} narrower ones"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nvcc", default=shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc")
    parser.add_argument("--arch", default="90")
    parser.add_argument("--table", action="store_true", help="print the table of docs/testing.md")
    options = parser.parse_args()
    folder_of_sources = os.path.join(SOURCE, "cuda")
    sources = sorted(os.path.join(folder_of_sources, name) for name in os.listdir(folder_of_sources) if name.endswith(".cu"))
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        kernels = {}
        for found in pool.map(lambda source: analyse(source, options, folder), sources):
            kernels.update({readable(name): facts for name, facts in found.items()})
    if options.table:
        print(f"| kernel (sm_{options.arch}) | registers | spilled bytes | shared bytes | loads and stores by bits |\n|---|---|---|---|---|")
    failed = 0
    for name, facts in sorted(kernels.items()):
        if options.table:
            widths = sorted({access for access in facts["accesses"]}, key=lambda access: (access[0], -access[1]))
            counts = ", ".join(f"{facts['accesses'].count(access)} {access[0]} {access[1]}" for access in widths)
            print(f"| `{name}` | {facts['registers']} | {facts['spilled']} | {facts['shared']} | {counts} |")
        for problem in problems(name, facts):
            failed += 1
            print(f"kernel_code: {name}: {problem}")
    print(f"kernel_code: {len(kernels)} kernels, {failed} problems")
    sys.exit(1 if failed or not kernels else 0)


if __name__ == "__main__":
    main()
