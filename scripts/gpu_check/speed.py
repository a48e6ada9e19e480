# SPDX-License-Identifier: Apache-2.0
"""How fast are training steps and decoding, and where does the time go?"""
import json
import os
import shutil

from session import Failed, Skipped, Step

# Dense bfloat16 TFLOP/s as the makers state them, by a part of nvidia-smi's name; the first that fits counts.
PEAK_TFLOPS = {"H200": 989.4, "H100 PCIe": 756.0, "H100 NVL": 835.0, "H100": 989.4, "B200": 2250.0, "A100": 312.0, "L40S": 362.0}
BUDGET_NAMES = {"H200": "H200", "H100 PCIe": "H100-PCIe", "H100": "H100-SXM", "B200": "B200", "A100-SXM4-40GB": "A100-40GB", "A100": "A100-80GB"}  # of --gpu
GOAL_MFU = 0.50
GOAL_BANDWIDTH = 0.85
LAYERS = 28  # of molmo-7b-d


def peak_tflops(name):
    return next((peak for part, peak in PEAK_TFLOPS.items() if part in name), None)


def budget_name(name):
    return next((own for part, own in BUDGET_NAMES.items() if part in name), None)


def fit_line(points):
    """Least squares: (a, b) of y = a + b * x."""
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    return mean_y - slope * mean_x, slope


def shape_arguments(session, layers, rows, tokens, crops):
    """In a rehearsal a small model and short rows stand in."""
    if session.rehearse:
        tokens = max(8, tokens // 64) + (144 if crops else 0)
        rows, layers, crops = 1, max(1, layers // 4), min(crops, 1)
    shape = ("--shape", "tiny", "--dtype", "fp32") if session.rehearse else ("--shape", "molmo-7b-d", "--dtype", "bf16")
    return (*shape, "--layers", layers, "--rows", rows, "--tokens", tokens, "--crops", crops, "--device", session.device)


def bench_train(session, layers, rows, tokens, crops, *options):
    steps = 1 if session.rehearse else 3
    run = session.molmo("bench", "train", *shape_arguments(session, layers, rows, tokens, crops), "--steps", steps, "--json", *options)
    return json.loads(run.lines()[-1])


def model_share(session):
    """MFU of the whole model, by lines through steps of 4, 8 and 16 decoder layers: seconds and FLOPs are constants of tower,
    connector and head plus so much a layer."""
    steps = {layers: bench_train(session, layers, 4, 2048, 13) for layers in (4, 8, 16)}
    base, per_layer = fit_line([(layers, step["step_seconds"]) for layers, step in steps.items()])
    flops = fit_line([(layers, step["tflops"] * step["step_seconds"]) for layers, step in steps.items()])
    seconds = base + LAYERS * per_layer
    facts = {"ms besides the layers": 1e3 * base, "ms a layer": 1e3 * per_layer, "s of 28 layers": seconds,
             "tokens/s of 28 layers": 4 * 2048 / seconds, "GB at 16 layers": steps[16]["peak_bytes"] / 1e9}
    peak = peak_tflops(session.gpu.get("name", ""))
    if peak is not None:
        facts["MFU"] = (flops[0] + LAYERS * flops[1]) / seconds / peak
        facts["goal"] = {"MFU": GOAL_MFU}
    return facts


def beside_the_budget(session):
    """A step of 8 layers, and what the budget predicts for it: the ratio says how far its assumptions are off."""
    gpu = "H200" if session.rehearse else budget_name(session.gpu.get("name", ""))
    if gpu is None:
        raise Skipped(f"no budget is made for {session.gpu.get('name')}")
    shape = shape_arguments(session, 8, 4, 2048, 13)[:-2]  # without --device
    counted = json.loads(session.molmo("bench", "train", "--budget", "--gpu", gpu, *shape, "--json").lines()[-1])
    measured = bench_train(session, 8, 4, 2048, 13)
    return {"s, measured": measured["step_seconds"], "s, predicted": counted["step_seconds"],
            "measured / predicted": measured["step_seconds"] / counted["step_seconds"],
            "GB, measured": measured["peak_bytes"] / 1e9, "GB, predicted": counted["peak_bytes"] / 1e9}


def lengths_and_parts(session):
    """8 layers: what length, crops and recomputation cost."""
    cases = {"4096 tokens": (2, 2048, 13), "16384 tokens": (8, 2048, 13), "rows of 4096": (2, 4096, 13), "no crops": (4, 2048, 0)}
    facts = {f"s, {name}": bench_train(session, 8, *case)["step_seconds"] for name, case in cases.items()}
    again = bench_train(session, 8, 4, 2048, 13, "--recompute")
    facts |= {"s, recomputed": again["step_seconds"], "GB, recomputed": again["peak_bytes"] / 1e9}
    return facts


def units(session):
    """Forward and backward of each kind of unit, by events on the device."""
    run = session.molmo("bench", "train", *shape_arguments(session, 8, 4, 2048, 13), "--steps", 1, "--by-unit", "--json")
    facts = {}
    for line in map(json.loads, run.lines()):
        facts[f"ms, {line['units']} x {line['count']}"] = [1e3 * line["forward_seconds"], 1e3 * line["backward_seconds"]]
    return facts


def decoding(rows):
    def run(session):
        shape = ("--shape", "tiny", "--dtype", "fp32") if session.rehearse else ("--shape", "molmo-7b-d", "--dtype", "bf16")
        run = session.molmo("bench", "decode", *shape, "--device", session.device, "--rows", rows, "--crops", 1 if session.rehearse else 5,
                            "--prompt-tokens", 160 if session.rehearse else 900, "--new-tokens", 4 if session.rehearse else 128,
                            "--repeats", 1 if session.rehearse else 2, "--json")
        speed = json.loads(run.lines()[-1])
        facts = {key: speed[key] for key in ("decode_tokens_per_s", "prefill_tokens_per_s", "weight_gb_per_s", "memory_gb_per_s")}
        if rows == 1 and not session.rehearse:
            facts |= {"share of bandwidth": speed["weight_gb_per_s"] / speed["memory_gb_per_s"], "goal": {"share of bandwidth": GOAL_BANDWIDTH}}
        return facts
    return run


def allocator(session):
    """Rows of many lengths: what the allocator has taken beside what tensors need, and the slowest step beside the fastest."""
    steps = 2 if session.rehearse else 20
    run = session.molmo("bench", "train", *shape_arguments(session, 8, 4, 2048, 0 if session.rehearse else 5), "--steps", steps, "--vary-lengths", "--json")
    speed = json.loads(run.lines()[-1])
    facts = {"slowest / fastest step": speed["slowest_step_seconds"] / speed["step_seconds"]}
    if speed["reserved_bytes"] > 0:
        facts["taken / needed"] = speed["reserved_bytes"] / speed["peak_bytes"]
    return facts


def own_kernels(session):
    """Bandwidth of the kernels of src/cuda in a training step, as ncu counts it."""
    program = shutil.which("ncu") or "/usr/local/cuda/bin/ncu"
    if session.rehearse or not os.path.exists(program):
        raise Skipped("no GPU" if session.rehearse else "no ncu here")
    metric = "dram__throughput.avg.pct_of_peak_sustained_elapsed"
    shape = shape_arguments(session, 1, 4, 2048, 0)
    run = session.run(program, "--clock-control", "none", "--csv", "--kernel-name", "regex:rms_norm|rope|swiglu|row_uniforms",
                      "--launch-count", 40, "--metrics", f"{metric},gpu__time_duration.sum", session.programs / "molmo", "bench", "train",
                      *shape, "--steps", 1)
    best = kernel_bandwidth(run.lines(), metric)
    if not best:
        raise Failed("ncu saw none of the kernels")
    return {f"% of bandwidth, {name}": share for name, share in best.items()}


def kernel_bandwidth(lines, metric):
    """The highest share of each kernel: small launches of it say nothing."""
    rows = [line for line in lines if line.startswith('"')]
    table = [json.loads(f"[{row}]") for row in rows]
    if not table:
        return {}
    head = table[0]
    best = {}
    for row in table[1:]:
        cells = dict(zip(head, row))
        if cells.get("Metric Name") == metric:
            name = cells["Kernel Name"].split("(")[0].split("<")[0]
            best[name] = max(best.get(name, 0.0), float(cells["Metric Value"].replace(",", "")))
    return best


STEPS = [
    Step("training, molmo-7b-d", 110, model_share),
    Step("decoding, 1 prompt", 50, decoding(1)),
    Step("decoding, 8 prompts", 50, decoding(8)),
    Step("decoding, 32 prompts", 60, decoding(32)),
    Step("beside the budget", 30, beside_the_budget),
    Step("time by unit", 30, units),
    Step("lengths and parts", 90, lengths_and_parts),
    Step("rows of many lengths", 45, allocator),
    Step("kernels of src/cuda", 60, own_kernels),
]
