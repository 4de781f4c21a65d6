#!/usr/bin/env python3
"""Training attention through PyTorch's scaled_dot_product_attention: forward and backward, as users run it.

Usage: attention.py OUT_DIR [--backends FLASH_ATTENTION,CUDNN_ATTENTION] [--quick] [--dry-run] [--device N]

Writes OUT_DIR/BACKEND_attention.csv in the layout of cudnn-frontend's benchmark, which
`plumbline calibrate check` reads, with percentiles, clocks and power beside it. Rows that are there are
not measured again. Exit code 77: no GPU. --dry-run: tiny shapes on the CPU.
"""
import argparse
import os
import sys

import measuring

COLUMNS = ("batch_size q_seqlen kv_seqlen num_q_heads num_kv_heads head_dim_qk head_dim_vo data_type attn_mask success fwd_time_ms bwd_time_ms "
           "fwd_p10_ms fwd_p90_ms bwd_p10_ms bwd_p90_ms windows stopped sm_mhz power_w").split()
KEY = COLUMNS[:9]


def design(quick=False):
    """[(batch, length, heads, kv heads, head size, causal)]: b, s, heads, head size and mask each vary; a
    micro-batch has 8,192 tokens where that gives a whole batch."""
    heads = [(8, 8, 128), (32, 8, 128), (64, 8, 128), (12, 12, 128), (8, 8, 96), (16, 16, 64)]
    lengths = [2048, 8192] if quick else [1024, 2048, 4096, 8192, 16384, 32768]
    sites = [(max(1, 8192 // s), s, a, g, d, True) for s in lengths for a, g, d in (heads[:3] if quick else heads)]
    sites += [(1, s, 32, 8, 128, False) for s in lengths]
    if not quick:
        sites += [(b, 2048, 32, 8, 128, True) for b in (1, 2, 8)]
    return sites


def flops(batch, length, heads, head_dim, causal):
    """Of the forward; a causal mask leaves half of the products. The backward has 2.5 times as many."""
    return 4.0 * batch * heads * head_dim * length * length * (0.5 if causal else 1.0)


def measure(bench, backend, site):
    torch = bench.torch
    import torch.nn.functional as F
    from torch.nn.attention import SDPBackend, sdpa_kernel
    b, s, a, g, d, causal = site
    q, k, v = (bench.rand(b, n, s, d, grad=True) for n in (a, g, g))
    gradient = bench.rand(b, a, s, d)

    def run():
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=a != g)

    with sdpa_kernel(getattr(SDPBackend, backend)):
        def forward():
            with torch.no_grad():
                run()
        first = bench.burst(forward)
        # Backward alone is not captured by every back end: forward and backward minus forward.
        both = bench.burst(lambda: torch.autograd.grad(run(), (q, k, v), gradient))
    return first, both


def row_of(site, first, both):
    b, s, a, g, d, causal = site
    row = dict(zip(KEY, (b, s, s, a, g, d, d, "bfloat16", "top_left" if causal else "no_mask")))
    row["success"] = str(first is not None)
    if first:
        back = both["median_us"] - first["median_us"]
        row.update(fwd_time_ms=1e-3 * first["median_us"], bwd_time_ms=1e-3 * back, fwd_p10_ms=1e-3 * first["p10_us"], fwd_p90_ms=1e-3 * first["p90_us"],
                   bwd_p10_ms=1e-3 * (both["p10_us"] - first["median_us"]), bwd_p90_ms=1e-3 * (both["p90_us"] - first["median_us"]),
                   windows=both["windows"], stopped=both["stopped"], sm_mhz=both["sm_mhz"], power_w=both["power_w"])
    else:
        row.update(fwd_time_ms="inf", bwd_time_ms="inf")
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--backends", default="FLASH_ATTENTION,CUDNN_ATTENTION")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--device", type=int, default=0)
    options = parser.parse_args()
    bench = measuring.Bench(options.folder, options.dry_run, options.device)
    backends = ["MATH"] if options.dry_run else options.backends.split(",")
    files = []
    for backend in backends:
        files.append("%s_attention.csv" % backend.split("_")[0].lower())
        samples = measuring.Samples(os.path.join(options.folder, files[-1]), COLUMNS, KEY)
        sites = [(1, 32, 4, 4, 16, True)] if options.dry_run else design(options.quick)
        for number, site in enumerate(sites, 1):
            if samples.has(row_of(site, None, None)):
                continue
            print("%s %d of %d: b%d s%d a%d g%d d%d %s" % (backend, number, len(sites), *site[:5], "causal" if site[5] else "full"), file=sys.stderr)
            try:
                samples.add(row_of(site, *measure(bench, backend, site)))
            except RuntimeError as problem:  # this back end does not take this shape
                print("  left out: %s" % str(problem).splitlines()[0][:100], file=sys.stderr)
                samples.add(row_of(site, None, None))
    measuring.write_provenance(options.folder, bench.facts(), files + ["clocks.csv"])


if __name__ == "__main__":
    main()
