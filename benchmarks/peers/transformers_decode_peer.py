#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prefill and decode of transformers' Qwen2 in the shapes of `molmo bench decode`, for a comparison in one run.

Usage: transformers_decode_peer.py [--shape tiny|0.15b] [--dtype fp32|bf16] [--prompt-tokens N] [--new-tokens N]
Needs torch and transformers in a virtual environment of its own:
  python3 -m venv /tmp/peer && /tmp/peer/bin/pip install torch==2.11.0 transformers==4.57.6
The decoder alone: no tower, no picture. Weights are random; their values do not matter for speed.
"""
import argparse
import sys
import time

try:
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM
except ImportError as error:
    print(f"skipped: {error}; see --help")
    sys.exit(0)

SHAPES = {
    "tiny": dict(hidden_size=256, num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=4, intermediate_size=512),
    "0.15b": dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, num_key_value_heads=4, intermediate_size=2048),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="0.15b", choices=SHAPES)
    parser.add_argument("--dtype", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--prompt-tokens", type=int, default=329)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    start = time.perf_counter()
    config = Qwen2Config(vocab_size=32000, tie_word_embeddings=False, attn_implementation="sdpa", **SHAPES[options.shape])
    torch.manual_seed(1)
    model = Qwen2ForCausalLM(config).eval().to(torch.bfloat16 if options.dtype == "bf16" else torch.float32)
    prompt = torch.randint(0, 32000, (1, options.prompt_tokens))

    def best(function):
        times = []
        for _ in range(options.repeats):
            begin = time.perf_counter()
            function()
            times.append(time.perf_counter() - begin)
        return min(times)

    def generate(count):
        return model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=count, min_new_tokens=count, do_sample=False, pad_token_id=0)

    with torch.inference_mode():
        prefill = best(lambda: model(prompt, use_cache=True, logits_to_keep=1))
        one, many = best(lambda: generate(1)), best(lambda: generate(1 + options.new_tokens))
    print(f"transformers Qwen2, shape {options.shape}, {options.dtype}, prompt of {options.prompt_tokens} tokens, {torch.get_num_threads()} threads")
    print(f"prefill  {options.prompt_tokens / prefill:9.1f} tokens/s")
    print(f"decode   {options.new_tokens / (many - one):9.1f} tokens/s")
    print(f"({time.perf_counter() - start:.0f} s in all)")


if __name__ == "__main__":
    main()
