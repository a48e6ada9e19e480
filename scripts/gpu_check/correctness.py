# SPDX-License-Identifier: Apache-2.0
"""Does it start, do the kernels compute what they should, and does a small model train, go on and answer as on the CPU?"""
import json
import math
import os
import pathlib
import shutil
import sys

from session import Failed, Skipped, Step

RECIPE = {
    "stage": "caption", "steps": 5, "global_batch_size": 4, "micro_batch_size": 2, "save_every": 1, "keep_checkpoints": 9, "log_every": 1,
    "response_dropout": 0.1, "data": {"datasets": {"scenes": {"path": "data"}}, "sequence_length": 320},
    "optimizer": {"embedding": "all", "llm": {"warmup_steps": 1, "learning_rate": 1e-3}},
    "molmo": {
        "model": {
            "vit": {"image_height": 56, "image_width": 56, "width": 64, "num_layers": 3, "num_heads": 4, "num_kv_heads": 4, "head_dim": 16,
                    "mlp_width": 128, "num_positions": 17},
            "connector": {"vit_layers": [-1, -2], "hidden_width": 128},
            "decoder": {"width": 128, "num_layers": 3, "num_heads": 4, "num_kv_heads": 2, "ffn_width": 256, "vocab_size": 512,
                        "embedding_size": 512, "additional_vocab_size": 8, "max_positions": 512, "rope_theta": 10000}},
        "preprocess": {"crop_mode": "resize", "image_height": 56, "image_width": 56},
        "tokenizer": {"file": "tokenizer.model", "pad_to": 512, "bos_id": 1, "eos_id": 2}}}
# Relative, in each step.
TOLERANCES = {"fp32": {"cross_entropy": 1e-4, "grad_norm": 1e-3}, "bf16": {"cross_entropy": 2e-2, "grad_norm": 1e-1}}
PROMPTS = ("Describe this image.", "How many circles are there?", "Point to the red one.", "What is on the left?")
KERNELS = "GpuKernel.RmsNorm*:GpuKernel.Rope*:GpuKernel.SwiGlu*:GpuKernel.RowUniforms*"


def start(session):
    """Nothing that the loader misses; the GPU as nvidia-smi names it."""
    for name in ("molmo", "libmolmo_torch.so", "libmolmo_cuda.so", "gpu_test"):
        lines = session.run("ldd", session.programs / name).lines()
        missing = [line.split()[0] for line in lines if "not found" in line]
        if session.rehearse:
            missing = [library for library in missing if library != "libcuda.so.1"]  # of the driver
        if missing:
            raise Failed(f"the loader does not find, for {name}: {' '.join(missing)}")
    facts = {"version": session.molmo("--version").output.strip()}
    if session.rehearse:
        return facts
    keys = ("name", "driver_version", "memory.total", "clocks.max.sm", "power.limit", "compute_cap")
    row = session.run("nvidia-smi", f"--query-gpu={','.join(keys)}", "--format=csv,noheader,nounits").lines()[0]
    session.gpu = dict(zip(keys, (value.strip() for value in row.split(","))))
    return {**facts, **session.gpu}


def kernels(session):
    """Every gpu test of the repository."""
    file = session.work / "gpu_test.json"
    code = session.run(session.programs / "gpu_test", "--gtest_brief=1", f"--gtest_output=json:{file}", expected=None).code
    if code == 77:
        raise Skipped("gpu_test finds no GPU")
    if not file.exists():
        raise Failed(f"gpu_test ended with {code} before it could write its results (log.txt)")
    report = json.loads(file.read_text(encoding="utf-8"))
    cases = [case for suite in report["testsuites"] for case in suite["testsuite"]]
    failed = [f"{case['classname']}.{case['name']}" for case in cases if "failures" in case]
    skipped = [case["name"] for case in cases if case.get("result") == "SKIPPED"]
    if failed or code != 0:
        raise Failed(f"{len(failed)} of {len(cases)} tests: {' '.join(failed)} (exit code {code})")
    return {"tests": len(cases), "skipped": skipped}


def torch_facts(session):
    """What LibTorch does here with the operators that are called: back ends of attention, times, products."""
    script = pathlib.Path(__file__).with_name("torch_facts.py")
    arguments = ("--device", session.device)
    run = session.run(sys.executable, "-B", script, *arguments, expected=None)
    facts = {}
    for line in run.lines():
        if line.startswith("{"):
            facts.update(json.loads(line))
    if run.code == 77:
        raise Skipped(run.errors.strip().splitlines()[-1])
    if run.code != 0:
        raise Failed(f"torch_facts.py ended with {run.code} after {len(facts)} facts (log.txt)")
    return facts


def make_data(session):
    if (session.work / "tokenizer.model").exists():
        return
    session.molmo("data", "synthesize", "--out", "data", "--level", 0, "--train", 16, "--test", 4, "--seed", 3)
    session.molmo("data", "train-tokenizer", "--data", "data", "--vocab-size", 507, "--out", "tokenizer.model")
    (session.work / "recipe.json").write_text(json.dumps(RECIPE), encoding="utf-8")


def metrics(run_folder, name):
    """By step."""
    lines = (run_folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    return {record["step"]: record[name] for record in records if name in record}


def train(session, name, device, dtype, *options):
    session.molmo("train", "recipe.json", "--out", name, "--device", device, "--set", f"compute_dtype={dtype}", *options)


def largest_difference(name, expected, actual):
    if not expected or expected.keys() != actual.keys():
        raise Failed(f"{name} of steps {sorted(actual)}, expected {sorted(expected)}")
    if not all(isinstance(value, float) and math.isfinite(value) for value in actual.values()):
        raise Failed(f"{name} {list(actual.values())}, expected finite numbers")
    return max(abs(actual[step] - expected[step]) / abs(expected[step]) for step in expected)


def compare_runs(session, expected, actual, dtype):
    """Largest relative difference of each metric; raises Failed above its tolerance."""
    facts = {}
    for name, tolerance in TOLERANCES[dtype].items():
        difference = largest_difference(name, metrics(session.work / expected, name), metrics(session.work / actual, name))
        facts[f"{name} difference, {dtype}"] = difference
        if difference > tolerance:
            raise Failed(f"{name} of {actual} differs by {difference:.2g} from that of {expected}, expected at most {tolerance:g}")
    return facts


def training(session):
    """Five steps of a small Molmo: losses and gradient norms of the CPU's float32."""
    make_data(session)
    train(session, "cpu-fp32", "cpu", "fp32")
    facts = {}
    for dtype in TOLERANCES:
        train(session, f"device-{dtype}", session.device, dtype)
        facts |= compare_runs(session, "cpu-fp32", f"device-{dtype}", dtype)
    return facts


def resume(session):
    """A run that goes on from its third step ends as the undisturbed one."""
    whole, cut = session.work / "device-fp32", session.work / "cut"
    if not (whole / "metrics.jsonl").exists():
        raise Skipped("no run to go on from")
    shutil.copytree(whole, cut)
    for path in cut.iterdir():
        if path.is_dir() and path.name.startswith("step") and step_number(path) > 3:
            shutil.rmtree(path)
    train(session, "cut", session.device, "fp32", "--resume", "auto")
    return compare_runs(session, "device-fp32", "cut", "fp32")


def step_number(path):
    return int("".join(filter(str.isdigit, path.name)))


def answers(session, device, batch_size):
    images = sorted((session.work / "data").rglob("*.png"))[:len(PROMPTS)]
    run = session.molmo("generate", "--model", "asked", "--image", *images, "--combine", "cross", "--json", "--device", device,
                        "--dtype", "fp32", "--max-new-tokens", 24, "--batch-size", batch_size, "--", *PROMPTS)
    return [(answer["text"], answer["log_prob"]) for answer in map(json.loads, run.lines())]


def generation(session):
    """Greedy answers of a model that has learned some words are those of the CPU, alone and in batches."""
    make_data(session)
    train(session, "asked", session.device, "fp32", "--set", "steps=80", "--set", "save_every=80", "--set", "optimizer.llm.learning_rate=3e-3")
    expected = answers(session, "cpu", 1)
    facts = {"answers": len(expected), "distinct": len({text for text, _ in expected})}
    if facts["distinct"] < 2:
        raise Failed("the model gives one answer to all prompts, expected several")
    for batch_size in (1, 8):
        actual = answers(session, session.device, batch_size)
        different = sum(text != other for (text, _), (other, _) in zip(expected, actual, strict=True))
        if different:
            raise Failed(f"{different} of {len(expected)} answers differ from the CPU's (batches of {batch_size})")
        facts[f"log-prob difference, batches of {batch_size}"] = max(abs(a - b) for (_, a), (_, b) in zip(expected, actual))
    return facts


def sanitizer(tool):
    def run(session):
        program = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
        if session.rehearse or not os.path.exists(program):
            raise Skipped("no GPU" if session.rehearse else "no compute-sanitizer here")
        session.run(program, "--tool", tool, "--error-exitcode", 9, session.programs / "gpu_test", "--gtest_brief=1",
                    f"--gtest_filter={KERNELS}", environment={"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"})
        return {}
    return run


STEPS = [
    Step("start", 30, start),
    Step("gpu tests", 75, kernels),
    Step("training as on the CPU", 60, training),
    Step("resume", 20, resume),
    Step("answers as the CPU's", 30, generation),
    Step("facts about LibTorch", 60, torch_facts),
    Step("compute-sanitizer memcheck", 45, sanitizer("memcheck")),
    Step("compute-sanitizer racecheck", 45, sanitizer("racecheck")),
]
