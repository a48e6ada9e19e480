# SPDX-License-Identifier: Apache-2.0
"""What the machine's LibTorch does with the operators that training and decoding call. Prints a JSON object for each group as soon
as it is known, so that a crash loses no more than what comes after it; what may end the process comes last.

Usage: torch_facts.py --device cuda|cpu (cpu: small shapes). Ends with 77 where python3 has no torch.
"""
import argparse
import json
import subprocess
import sys
import time

try:
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.nn.functional import scaled_dot_product_attention as attend
except ImportError as error:
    print(f"python3 does not import torch: {error}", file=sys.stderr)
    sys.exit(77)

BACK_ENDS = {-1: "error", 0: "math", 1: "flash", 2: "efficient", 3: "cudnn", 4: "overrideable"}


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", required=True, choices=("cuda", "cpu"))
    parser.add_argument("--windows-of-crops", type=int, help="attention of this many crops' windows through flash, forward and backward")
    return parser.parse_args()


class Machine:
    def __init__(self, device):
        self.device = device
        self.is_gpu = device == "cuda"
        self.type = torch.bfloat16 if self.is_gpu else torch.float32

    def draw(self, *sizes, grad=False):
        return torch.randn(*sizes, device=self.device, dtype=self.type, requires_grad=grad)

    def milliseconds(self, run, repeats=1):
        self.wait()
        begin = time.perf_counter()
        for _ in range(repeats):
            run()
        self.wait()
        return 1e3 * (time.perf_counter() - begin) / repeats

    def wait(self):
        if self.is_gpu:
            torch.cuda.synchronize()

    def small(self, size, most):
        """`size` on a GPU."""
        return size if self.is_gpu else min(size, most)


def versions(machine):
    facts = {"torch": torch.__version__, "cuda": torch.version.cuda}
    if machine.is_gpu:
        facts["capability"] = list(torch.cuda.get_device_capability())
        facts["cudnn"] = torch.backends.cudnn.version()
        facts["nccl"] = ".".join(map(str, torch.cuda.nccl.version()))
        facts["cudnn attention by default"] = torch.backends.cuda.cudnn_sdp_enabled()
    return facts


def attention_shapes(machine):
    """(queries, keys, options) of each caller, and the same a little longer."""
    def make(batch, heads, kv_heads, queries, keys, width, **options):
        return lambda longer: (machine.draw(batch, heads, queries + (longer if queries > 1 else 0), width, grad=True),
                               *(machine.draw(batch, kv_heads, keys + longer, width, grad=True) for _ in range(2)), options)
    crops, length = machine.small(52, 1), machine.small(2000, 64)
    return {
        "tower": make(crops, 16, 16, machine.small(577, 32), machine.small(577, 32), 64),
        "decoder, causal": make(2, 28, 4, length, length, 128, is_causal=True, enable_gqa=True),
        "decoder, one token": make(8, 28, 4, 1, length, 128, enable_gqa=True),
    }


def attention(machine):
    """For each back end: milliseconds of a first call, of the same again, and of a call with one more key, with backward."""
    facts = {}
    choices = {"default": None, "flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION} if machine.is_gpu else {"default": None}
    for name, make in attention_shapes(machine).items():
        if machine.is_gpu:
            query, key, value, options = make(0)
            choice = torch._fused_sdp_choice(query, key, value, None, 0.0, options.get("is_causal", False), enable_gqa=options.get("enable_gqa", False))
            facts[f"attention, {name}: default"] = BACK_ENDS.get(int(choice), str(choice))
        for choice, back_end in choices.items():
            times = []
            for longer in (0, 0, 1):
                query, key, value, options = make(longer)

                def run():
                    if back_end is None:
                        attend(query, key, value, **options).sum().backward()
                    else:
                        with sdpa_kernel(back_end):
                            attend(query, key, value, **options).sum().backward()
                try:
                    times.append(machine.milliseconds(run))
                except RuntimeError as error:
                    times.append(str(error).splitlines()[0][:80])
                    break
            facts[f"attention ms, {name}: {choice}"] = times
    return facts


def products(machine):
    """TFLOP/s of the shapes of a 7B-D step."""
    rows = machine.small(8192, 64)
    shapes = {"qkv": (rows, 3584, 4608), "gate and up": (rows, 3584, 37888), "down": (rows, 18944, 3584), "tower": (machine.small(30004, 64), 1024, 4096),
              "tower qkv": (machine.small(30004, 64), 1024, 3072), "head": (machine.small(2048, 64), 3584, 152064)}
    facts = {}
    for name, (m, k, n) in shapes.items():
        k, n = machine.small(k, 256), machine.small(n, 256)
        x, w = machine.draw(m, k), machine.draw(n, k)
        torch.mm(x, w.t())
        repeats = machine.small(10, 2)
        facts[f"TFLOP/s, {name}"] = 2e-9 * m * n * k / machine.milliseconds(lambda: torch.mm(x, w.t()), repeats)
        dy = machine.draw(m, n)
        total = torch.zeros(n, k, device=machine.device)
        try:
            torch.addmm(total, dy.t(), x, out_dtype=torch.float32)
            facts[f"TFLOP/s, {name}, weight gradient to float32"] = 2e-9 * m * n * k / machine.milliseconds(
                lambda: torch.addmm(total, dy.t(), x, out_dtype=torch.float32), repeats)
        except (RuntimeError, TypeError) as error:
            facts[f"{name}, weight gradient to float32"] = str(error).splitlines()[0][:80]
    return facts


def grouped_product(machine):
    x, w = machine.draw(machine.small(8192, 64), machine.small(2048, 64)), machine.draw(64, machine.small(2048, 64), machine.small(1024, 32))
    ends = torch.linspace(0, x.shape[0], 65, device=machine.device)[1:].to(torch.int32)
    try:
        torch._grouped_mm(x, w, offs=ends)
        return {"grouped product, TFLOP/s": 2e-9 * x.numel() * w.shape[2] / machine.milliseconds(lambda: torch._grouped_mm(x, w, offs=ends), 5)}
    except (RuntimeError, AttributeError) as error:
        return {"grouped product": str(error).splitlines()[0][:80]}


def bandwidth(machine):
    values = machine.draw(machine.small(1 << 30, 1 << 16))
    host = torch.empty(machine.small(1 << 28, 1 << 16), dtype=machine.type, pin_memory=machine.is_gpu)
    values.clone()
    copy = machine.milliseconds(values.clone, 5)
    to_host = machine.milliseconds(lambda: host.copy_(values[:host.numel()], non_blocking=True), 3)
    return {"GB/s, copy on the device": 2e-6 * values.nbytes / copy, "GB/s, to pinned memory": 1e-6 * host.nbytes / to_host}


def windows(machine, crops, back_end):
    """The pooling's attention: one query and four keys for each of 144 windows of a crop."""
    query = machine.draw(144 * crops, 16, 1, 64, grad=True)
    key, value = machine.draw(144 * crops, 16, 4, 64, grad=True), machine.draw(144 * crops, 16, 4, 64, grad=True)
    with sdpa_kernel(back_end):
        attend(query, key, value).sum().backward()
    machine.wait()


def windows_through_attention(machine):
    """Each in a process of its own: an illegal access would end this one. molmo's pooling does not go this way, for these reasons."""
    facts = {}
    for crops in (13, 113, 114) if machine.is_gpu else (1,):
        command = (sys.executable, "-B", __file__, "--device", machine.device, "--windows-of-crops", str(crops))
        run = subprocess.run(command, capture_output=True, text=True)
        facts[f"windows of {crops} crops"] = run.stdout.strip() or f"ends with {run.returncode}: {run.stderr.strip().splitlines()[-1][:80]}"
    return facts


def main():
    options = parse_arguments()
    machine = Machine(options.device)
    if options.windows_of_crops:
        answers = []
        for name, back_end in (("cudnn", SDPBackend.CUDNN_ATTENTION), ("flash", SDPBackend.FLASH_ATTENTION)) if machine.is_gpu else (("math", SDPBackend.MATH),):
            try:
                windows(machine, options.windows_of_crops, back_end)
                answers.append(f"{name} well")
            except RuntimeError as error:
                answers.append(f"{name}: {str(error).splitlines()[0][:60]}")
        print("; ".join(answers))
        return
    for group in (versions, bandwidth, products, grouped_product, attention, windows_through_attention):
        print(json.dumps(group(machine)), flush=True)


main()
