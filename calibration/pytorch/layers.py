#!/usr/bin/env python3
"""Whole transformer layers in PyTorch: forward, and forward with backward, burst or sustained.

Usage: layers.py OUT_DIR [--sustained SECONDS] [--only NAME,...] [--dtypes bf16,fp16,fp8] [--dry-run] [--device N]

A layer is what one tensor-parallel rank holds of it, without communication: normalisation, fused
query-key-value product, rotary embedding aside, SDPA, projection, gated or plain MLP. fp8: the four linear layers
by torch._scaled_mm with the split accumulator in the backward, operands cast per call, as tensor-wise scaling does.
Writes OUT_DIR/layers.csv (and clocks.csv: clock and power twice a second, provenance.json);
compare_layers.py sets `plumbline run` beside it. --sustained 60: a minute of steps per layer and dtype behind a
warm-up of 5 s; `factor` is the burst of its first second over its sustained median. Exit code 77: no GPU.
"""
import argparse
import os
import sys

import measuring

COLUMNS = ("name hidden heads kv_heads ffn gated tp batch seqlen dtype regime forward_us step_us step_p10_us step_p90_us windows stopped "
           "first_us factor sm_mhz power_w").split()

# name, hidden, heads, kv heads, ffn, gated, tensor parallel, micro-batch, sequence
SHAPES = [("gpt3_22b", 6144, 64, 64, 24576, False, 8, 4, 2048), ("gpt3_175b", 12288, 96, 96, 49152, False, 8, 1, 2048),
          ("llama3_8b", 4096, 32, 8, 14336, True, 1, 1, 8192), ("llama3_70b", 8192, 64, 8, 28672, True, 4, 1, 8192),
          ("llama3_70b", 8192, 64, 8, 28672, True, 8, 1, 4096), ("llama3_405b", 16384, 128, 8, 53248, True, 8, 1, 8192)]
# What a minute each is spent on: one dense, one wide layer.
SUSTAINED = ("llama3_8b", "llama3_70b")


def linear_flops(shape):
    """Multiplications and additions of a layer's four products, one forward, on this rank."""
    _, h, a, g, f, gated, tp, b, s = shape
    d = h // a
    out = (a + 2 * max(g, tp)) * d // tp + a * d // tp
    return 2.0 * b * s * h * (out + (3 if gated else 2) * f // tp)


def key_row(shape, dtype, regime):
    return dict(zip(COLUMNS[:11], [*shape[:5], int(shape[5]), *shape[6:], dtype, regime]))


def make_layer(torch, shape, dtype):
    import torch.nn.functional as F
    _, h, heads, kv, ffn, gated, tp, _, _ = shape
    a, g, d = heads // tp, max(1, kv // tp), h // heads

    class Fp8Product(torch.autograd.Function):
        """y = x w^T in e4m3; gradients in e5m2 x e4m3 without the fast accumulator. TN is all there is, so
        the backward transposes its operands."""

        @staticmethod
        def scaled(x, kind):
            scale = torch.finfo(kind).max / x.abs().amax().float().clamp(min=1e-12)
            return (x * scale).to(kind), scale.reciprocal()

        @staticmethod
        def product(x, xs, y, ys, fast):
            return torch._scaled_mm(x, y.t(), scale_a=xs, scale_b=ys, out_dtype=torch.bfloat16, use_fast_accum=fast)

        @staticmethod
        def forward(ctx, x, w):
            x8, xs = Fp8Product.scaled(x, torch.float8_e4m3fn)
            w8, ws = Fp8Product.scaled(w, torch.float8_e4m3fn)
            ctx.save_for_backward(x8, xs, w8, ws)
            return Fp8Product.product(x8, xs, w8, ws, True)

        @staticmethod
        def backward(ctx, dy):
            x8, xs, w8, ws = ctx.saved_tensors
            g8, gs = Fp8Product.scaled(dy, torch.float8_e5m2)
            dx = Fp8Product.product(g8, gs, w8.t().contiguous(), ws, False)
            dw = Fp8Product.product(g8.t().contiguous(), gs, x8.t().contiguous(), xs, False)
            return dx, dw

    class Linear(torch.nn.Linear):
        def forward(self, x):
            if dtype != "fp8":
                return F.linear(x, self.weight)
            return Fp8Product.apply(x.reshape(-1, x.shape[-1]), self.weight).view(*x.shape[:-1], -1)

    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = torch.nn.LayerNorm(h), torch.nn.LayerNorm(h)
            self.qkv = Linear(h, (a + 2 * g) * d, bias=False)
            self.proj = Linear(a * d, h, bias=False)
            self.up = Linear(h, ffn // tp * (2 if gated else 1), bias=False)
            self.down = Linear(ffn // tp, h, bias=False)

        def forward(self, x):
            b, s, _ = x.shape
            q, k, v = self.qkv(self.norm1(x)).split([a * d, g * d, g * d], dim=-1)
            q, k, v = (t.view(b, s, -1, d).transpose(1, 2) for t in (q, k, v))
            if g != a:
                o = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            else:
                o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.proj(o.transpose(1, 2).reshape(b, s, -1))
            u = self.up(self.norm2(x))
            if gated:
                gate, value = u.chunk(2, dim=-1)
                u = F.silu(gate) * value
            else:
                u = F.gelu(u, approximate="tanh")
            return x + self.down(u)

    return Layer()


def measure(bench, shape, dtype, seconds):
    torch = bench.torch
    kind = torch.float16 if dtype == "fp16" else torch.bfloat16
    layer = make_layer(torch, shape, dtype).to(bench.device, kind)
    b, s, h = shape[7], shape[8], shape[1]
    x, gradient = bench.rand(b, s, h, dtype=kind, grad=True), bench.rand(b, s, h, dtype=kind)
    for parameter in layer.parameters():  # accumulated in place, as training does
        parameter.grad = torch.zeros_like(parameter)
    x.grad = torch.zeros_like(x)

    def step():
        layer(x).backward(gradient)

    def forward():
        with torch.no_grad():
            layer(x)

    ahead = bench.burst(forward)
    whole = bench.sustained(step, seconds) if seconds else bench.burst(step)
    row = key_row(shape, dtype, whole["regime"])
    row.update(forward_us=ahead["median_us"], step_us=whole["median_us"], step_p10_us=whole["p10_us"], step_p90_us=whole["p90_us"],
               **{k: whole.get(k) for k in ("windows", "stopped", "first_us", "factor", "sm_mhz", "power_w")})
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--sustained", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--only", default="")
    parser.add_argument("--dtypes", default="bf16")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--device", type=int, default=0)
    options = parser.parse_args()
    bench = measuring.Bench(options.folder, options.dry_run, options.device)
    shapes = [("tiny", 64, 4, 4, 128, True, 1, 1, 32)] if options.dry_run else SHAPES
    wanted = options.only.split(",") if options.only else SUSTAINED if options.sustained and not options.dry_run else None
    name = "layers_sustained.csv" if options.sustained else "layers.csv"
    samples = measuring.Samples(os.path.join(options.folder, name), COLUMNS, COLUMNS[:10])
    for shape in shapes:
        for dtype in options.dtypes.split(","):
            if (wanted and shape[0] not in wanted) or samples.has(key_row(shape, dtype, "")):
                continue
            print("%s tp%d b%d s%d %s" % (shape[0], *shape[6:], dtype), file=sys.stderr)
            try:
                row = measure(bench, shape, dtype, options.sustained)
            except (RuntimeError, AttributeError) as problem:  # out of memory, no fp8 on this card
                print("  left out: %s" % str(problem).splitlines()[0][:120], file=sys.stderr)
                continue
            samples.add(row)
            print("  forward %.1f us, step %.1f us%s" % (row["forward_us"], row["step_us"], ", factor %.3f" % row["factor"] if row.get("factor") else ""), file=sys.stderr)
            if not bench.dry:
                bench.torch.cuda.empty_cache()
    measuring.write_provenance(options.folder, bench.facts(), [name, "clocks.csv"])


if __name__ == "__main__":
    main()
