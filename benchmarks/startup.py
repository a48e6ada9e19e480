#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From the start of the process to the first token: molmo beside transformers, alternating, in one run.

Usage: startup.py MOLMO MODEL PYTHON [--repeats N]
  MOLMO   the program, for example build/release/bin/molmo
  MODEL   a model folder, for example quickstart/model
  PYTHON  an interpreter that has torch and transformers, for example /tmp/peer/bin/python
Both answer one short text with one token. The peer gets a Qwen2 of MODEL's shape with random weights, saved once beforehand as a
safetensors folder in a temporary place. Prints the median of each and the ratio; skips with a reason where the peer is absent.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

SAVE = """
import sys, json, torch
from transformers import Qwen2Config, Qwen2ForCausalLM
Qwen2ForCausalLM(Qwen2Config(**json.loads(sys.argv[2]))).save_pretrained(sys.argv[1])
"""
ANSWER = """
import sys, torch
from transformers import Qwen2ForCausalLM
model = Qwen2ForCausalLM.from_pretrained(sys.argv[1])
prompt = torch.tensor([[1, 5, 6, 7]])
print(model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=1, do_sample=False, pad_token_id=0).tolist())
"""


def peer_shape(folder):
    decoder = json.load(open(os.path.join(folder, "molmo.json"), encoding="utf-8"))["model"]["decoder"]
    return {
        "vocab_size": decoder["embedding_size"], "hidden_size": decoder["width"], "num_hidden_layers": decoder["num_layers"],
        "num_attention_heads": decoder["num_heads"], "num_key_value_heads": decoder["num_kv_heads"],
        "intermediate_size": decoder["ffn_width"], "tie_word_embeddings": False,
    }


def seconds(command):
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("molmo")
    parser.add_argument("model")
    parser.add_argument("python")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    if subprocess.run([options.python, "-c", "import torch, transformers"], capture_output=True).returncode != 0:
        print(f"skipped: {options.python} has no torch and transformers")
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([options.python, "-c", SAVE, folder, json.dumps(peer_shape(options.model))], check=True)
        ours = [options.molmo, "generate", "--model", options.model, "--max-new-tokens", "1", "hello"]
        peers = [options.python, "-c", ANSWER, folder]
        times = {"molmo": [], "transformers": []}
        for command in (ours, peers):
            seconds(command)  # files into the page cache
        for _ in range(options.repeats):
            times["molmo"].append(seconds(ours))
            times["transformers"].append(seconds(peers))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f"{name:<14}{value:7.2f} s from start to first token")
    print(f"ratio         {medians['transformers'] / medians['molmo']:7.1f}")


if __name__ == "__main__":
    sys.exit(main())
