"""What the PyTorch scripts share: stopping rule, clocks, CSV with provenance. Needs no GPU to import.

The rules are those of plumbline-measure: CUDA-graph replays of a few milliseconds between two events,
uniform random data, windows until the interval of their median is narrow (1.57 IQR / sqrt(n) < 0.5 %, McGill
et al. 1978), noise plateaus or the budget is spent; burst and sustained are two regimes. No setting of
the card is changed.
"""
import csv
import hashlib
import json
import math
import os
import platform
import subprocess
import sys
import threading
import time


def quantile(values, share):
    """Linear interpolation between order statistics."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


class StoppingRule:
    """Windows in, "go_on", "converged", "plateau" or "budget" out; the same rule as in C++."""

    def __init__(self, half_width=0.005, min_windows=7, min_busy_s=0.010, max_windows=60, budget_s=0.5):
        self.half_width, self.min_windows, self.min_busy_s = half_width, min_windows, min_busy_s
        self.max_windows, self.budget_s = max_windows, budget_s
        self.windows, self.busy_s, self.state = [], 0.0, "go_on"
        self.width_at_half, self.next_check = 0.0, 0

    def relative_half_width(self):
        spread = quantile(self.windows, 0.75) - quantile(self.windows, 0.25)
        return 1.57 * spread / math.sqrt(len(self.windows)) / quantile(self.windows, 0.5)

    def add(self, value, busy_s):
        self.windows.append(value)
        self.busy_s += busy_s
        n = len(self.windows)
        if n < self.min_windows:
            return self.state
        width = self.relative_half_width()
        if self.busy_s >= self.min_busy_s and width < self.half_width:
            self.state = "converged"
        elif self.next_check == 0:
            self.width_at_half, self.next_check = width, 2 * n
        elif n >= self.next_check:
            if width > 0.9 * self.width_at_half:
                self.state = "plateau"
            self.width_at_half, self.next_check = width, 2 * n
        if self.state == "go_on" and (n >= self.max_windows or self.busy_s >= self.budget_s):
            self.state = "budget"
        return self.state


def sustained_factor(windows, first_s=1.0, warm_up_s=5.0):
    """(burst, sustained, factor) of [(seconds since the start, microseconds a step)].

    burst: median of the first second; sustained: median behind the warm-up. factor = burst / sustained <= 1
    where the card slows down. @raises ValueError when the run did not outlast its warm-up.
    """
    first = [us for t, us in windows if t <= first_s] or [windows[0][1]]
    late = [us for t, us in windows if t > warm_up_s]
    if not late:
        raise ValueError("the run ended within its warm-up of %g s" % warm_up_s)
    burst, sustained = quantile(first, 0.5), quantile(late, 0.5)
    return burst, sustained, burst / sustained


def parse_smi(line):
    """{"sm_mhz": ..., "mem_mhz": ..., "power_w": ..., "temp_c": ...} of a line of nvidia-smi; what it does
    not know ("[N/A]") is None."""
    numbers = []
    for cell in line.split(","):
        try:
            numbers.append(float(cell))
        except ValueError:
            numbers.append(None)
    if len(numbers) != 4:
        raise ValueError("nvidia-smi answered %r" % line)
    return dict(zip(("sm_mhz", "mem_mhz", "power_w", "temp_c"), numbers))


class Clocks(threading.Thread):
    """Clocks and power twice a second into FOLDER/clocks.csv until stopped; `between` averages them."""

    QUERY = "clocks.sm,clocks.mem,power.draw,temperature.gpu"

    def __init__(self, path, device=0):
        super().__init__(daemon=True)
        self.path, self.device, self.rows, self.stopped = path, device, [], threading.Event()
        self.start_time = time.time()

    def run(self):
        with open(self.path, "w") as out:
            out.write("t_s,sm_mhz,mem_mhz,power_w,temp_c\n")
            while not self.stopped.wait(0.5):
                try:
                    text = subprocess.run(
                        ["nvidia-smi", "-i", str(self.device), "--query-gpu=" + self.QUERY, "--format=csv,noheader,nounits"],
                        capture_output=True, text=True, timeout=10, check=True).stdout
                    row = parse_smi(text.splitlines()[0])
                except (OSError, subprocess.SubprocessError, ValueError, IndexError) as problem:
                    print("clocks are not known: %s" % problem, file=sys.stderr)
                    return
                row["t_s"] = time.time() - self.start_time
                self.rows.append(row)
                out.write("%.2f,%s\n" % (row["t_s"], ",".join("" if row[k] is None else "%g" % row[k] for k in ("sm_mhz", "mem_mhz", "power_w", "temp_c"))))
                out.flush()

    def between(self, begin, end, key):
        """Median of `key` over [begin, end] seconds of this thread's clock, or None."""
        values = [r[key] for r in list(self.rows) if begin <= r["t_s"] <= end and r[key] is not None]
        return quantile(values, 0.5) if values else None


class Samples:
    """A CSV that is written row by row, and skipped over where an earlier run has the key."""

    def __init__(self, path, columns, key):
        self.path, self.columns, self.key, self.have = path, columns, key, set()
        fresh = not os.path.exists(path) or os.path.getsize(path) == 0
        if not fresh:
            with open(path, newline="") as text:
                content = text.read()
            whole = content[: content.rfind("\n") + 1]
            rows = list(csv.DictReader(whole.splitlines()))
            if whole.splitlines()[:1] != [",".join(columns)]:
                raise SystemExit("%s has other columns; take another folder" % path)
            self.have = {tuple(row[k] for k in key) for row in rows}
            if whole != content:  # the last row was cut off
                with open(path, "w", newline="") as text:
                    text.write(whole)
        self.file = open(path, "a", newline="")
        self.writer = csv.writer(self.file, lineterminator="\n")
        if fresh:
            self.writer.writerow(columns)
            self.file.flush()

    def has(self, row):
        return tuple(str(row[k]) for k in self.key) in self.have

    def add(self, row):
        self.writer.writerow([("%.6g" % v if isinstance(v, float) else "" if v is None else v) for v in (row.get(c) for c in self.columns)])
        self.file.flush()
        self.have.add(tuple(str(row[k]) for k in self.key))


def write_provenance(folder, device, files, command=None):
    """FOLDER/provenance.json: device, versions, command and the SHA-256 of every file."""
    record = {"schema": "plumbline.measurement/1", "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
              "command": command or " ".join(sys.argv), "python": platform.python_version(), "device": device, "files": {}}
    for name in files:
        path = os.path.join(folder, name)
        if os.path.exists(path):
            with open(path, "rb") as data:
                record["files"][name] = hashlib.sha256(data.read()).hexdigest()
    with open(os.path.join(folder, "provenance.json"), "w") as out:
        json.dump(record, out, indent=2)
        out.write("\n")


class Bench:
    """The GPU half: times a function as a CUDA graph. The only place here that imports torch."""

    def __init__(self, folder, dry_run=False, device=0):
        import torch
        self.torch, self.dry = torch, dry_run
        if not dry_run and not torch.cuda.is_available():
            print("SKIPPED, nothing was measured: no usable GPU", file=sys.stderr)
            sys.exit(77)
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.device = torch.device("cpu" if dry_run else "cuda:%d" % device)
        torch.manual_seed(1)
        if not dry_run:
            torch.cuda.set_device(self.device)
        self.clocks = Clocks(os.path.join(folder, "clocks.csv"), device)
        if not dry_run:
            self.clocks.start()

    def facts(self):
        torch = self.torch
        if self.dry:
            return {"name": "cpu (dry run)", "torch": torch.__version__}
        p = torch.cuda.get_device_properties(self.device)
        smi = subprocess.run(["nvidia-smi", "-i", str(self.device.index), "--query-gpu=uuid,driver_version,power.limit,clocks.max.sm",
                              "--format=csv,noheader,nounits"], capture_output=True, text=True).stdout.strip().split(", ")
        uuid, driver, limit, clock = (smi + ["", "", "", ""])[:4]
        return {"name": p.name, "uuid": uuid, "driver": driver, "power_limit_w": limit, "max_sm_mhz": clock, "multiprocessors": p.multi_processor_count,
                "memory_bytes": p.total_memory, "torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}

    def rand(self, *shape, dtype=None, grad=False):
        """Uniform in [-1, 1]: zeros cost less power and run faster."""
        torch = self.torch
        x = torch.rand(*shape, device=self.device, dtype=torch.float32) * 2 - 1
        return x.to(dtype or torch.bfloat16).requires_grad_(grad)

    def elapsed_us(self, function, calls):
        torch = self.torch
        if self.dry:
            begin = time.perf_counter()
            for _ in range(calls):
                function()
            return max(1e6 * (time.perf_counter() - begin) / calls, 1e-3)
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(calls):
            function()
        end.record()
        end.synchronize()
        return 1e3 * begin.elapsed_time(end) / calls

    def graph_of(self, function, calls):
        """A graph of `calls` calls, or None where capture is refused (then said)."""
        torch = self.torch
        if self.dry:
            return None
        try:
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(3):
                    function()
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                for _ in range(calls):
                    function()
            return graph
        except RuntimeError as problem:
            torch.cuda.synchronize()
            print("not captured, timed eagerly: %s" % str(problem).splitlines()[0][:100], file=sys.stderr)
            return None

    def burst(self, function):
        """{"median_us", "p10_us", "p90_us", "windows", "stopped", "regime", "sm_mhz", "power_w"}"""
        for _ in range(2):
            function()
        single = self.elapsed_us(function, 2)
        calls = 1 if self.dry else max(1, math.ceil(2200.0 / single))
        graph = self.graph_of(function, min(calls, 200))
        inner = min(calls, 200) if graph else 1
        call, repeat = (graph.replay, max(1, calls // inner)) if graph else (function, calls)
        rule, begin = StoppingRule(max_windows=9 if self.dry else 60), time.time() - self.clocks.start_time
        while rule.state == "go_on":
            us = self.elapsed_us(call, repeat)
            rule.add(us / inner, 1e-6 * us * repeat)
        end = time.time() - self.clocks.start_time
        w = rule.windows
        return {"median_us": quantile(w, 0.5), "p10_us": quantile(w, 0.1), "p90_us": quantile(w, 0.9), "windows": len(w), "stopped": rule.state,
                "regime": "burst" if graph or self.dry else "burst_eager", "sm_mhz": self.clocks.between(begin - 1, end + 1, "sm_mhz"),
                "power_w": self.clocks.between(begin - 1, end + 1, "power_w")}

    def sustained(self, function, seconds):
        """The same keys, plus first_us and factor; `seconds` count behind a warm-up of 5 s."""
        warm_up = 0.05 if self.dry else 5.0
        for _ in range(2):
            function()
        graph = self.graph_of(function, 1)
        call = graph.replay if graph else function
        repeat = max(1, int(50_000 / max(self.elapsed_us(call, 1), 1.0)))
        if not self.dry:
            time.sleep(5)  # the card cools down: its first second is the burst
        begin, windows = time.time(), []
        while not windows or windows[-1][0] < warm_up + seconds:
            us = self.elapsed_us(call, repeat)
            windows.append((time.time() - begin, us))
        burst, median, factor = sustained_factor(windows, min(1.0, warm_up), warm_up)
        late = [us for t, us in windows if t > warm_up]
        since = begin - self.clocks.start_time
        return {"median_us": median, "p10_us": quantile(late, 0.1), "p90_us": quantile(late, 0.9), "windows": len(late), "stopped": "budget",
                "regime": "sustained", "first_us": burst, "factor": factor, "sm_mhz": self.clocks.between(since + warm_up, since + warm_up + seconds, "sm_mhz"),
                "power_w": self.clocks.between(since + warm_up, since + warm_up + seconds, "power_w")}
