#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One training step of transformers' Qwen2 by torch eager with fused AdamW, in the shapes of `molmo bench train --crops 0`.

Usage: torch_train_peer.py [--shape tiny|0.15b] [--dtype fp32|bf16] [--tokens N] [--steps N]
Needs torch and transformers in a virtual environment of its own (see transformers_decode_peer.py). The decoder alone: no
tower, no picture. bf16 is autocast over float32 weights. Weights and data are random; their values do not matter for speed.
"""
import argparse
import contextlib
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
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--steps", type=int, default=5)
    options = parser.parse_args()
    config = Qwen2Config(vocab_size=32000, tie_word_embeddings=False, attn_implementation="sdpa", **SHAPES[options.shape])
    torch.manual_seed(1)
    model = Qwen2ForCausalLM(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, betas=(0.9, 0.95), eps=1e-6, weight_decay=0.0, fused=True)
    tokens = torch.randint(0, 32000, (1, options.tokens))
    autocast = torch.autocast("cpu", torch.bfloat16) if options.dtype == "bf16" else contextlib.nullcontext()

    def step():
        optimizer.zero_grad(set_to_none=True)
        with autocast:
            loss = model(tokens, labels=tokens).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    step()
    times = []
    for _ in range(options.steps):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    best = min(times)
    print(f"torch eager Qwen2, shape {options.shape}, {options.dtype}, {options.tokens} tokens, {torch.get_num_threads()} threads")
    print(f"step     {best:9.3f} s, {options.tokens / best:.1f} tokens/s")


if __name__ == "__main__":
    main()
