#!/usr/bin/env python3
"""Measures hessq and its peers side by side; script/bench builds what this needs and calls it.

For every piece of work, each library first shows its best implementation (the fastest of all that bench/peers.py
offers). Their results have to agree with hessq's to 1e-9 of the largest entry. Then they are timed in turn, round after
round, so that whatever else the machine does meets all of them. Standard library only.
"""

import argparse
import datetime
import json
import math
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEERS = ("torch", "jax", "curvlinops")
TOLERANCE = 1e-9
# Where a peer would need longer than LIMIT seconds for one matrix, columns for SLICE seconds are timed and scaled up.
LIMIT, SLICE = 60, 6

# name -> (data, widths)
CASES = {
    "64-10": ("digits", (64, 10)),
    "64-16-10": ("digits", (64, 16, 10)),
    "64-32-10": ("digits", (64, 32, 10)),
    "64-128-64-10": ("digits", (64, 128, 64, 10)),
    "256-512-256-10": ("synthetic:20000", (256, 512, 256, 10)),
}
WORKS = {
    "gradient": "loss and gradient",
    "product": "one Hessian product",
    "products_16": "16 Hessian products",
    "products_256": "256 Hessian products",
    "gauss_newton": "one Gauss-Newton product",
    "gauss_newton_16": "16 Gauss-Newton products",
    "per_sample_gradients": "gradients of all samples",
    "covariance": "noise covariance",
    "hessian": "exact Hessian",
    "gauss_newton_matrix": "exact Gauss-Newton matrix",
    "diagonal": "diagonal of the Hessian",
    "eigen": "eigendecomposition",
    "lanczos": "10 largest eigenvalues (Lanczos)",
}
OTHER = {"compare": "the command hessq compare", "scaling": "scaling with n, samples, depth and threads"}
# name of the size -> what it means, the cases, and the size of a case from its parameters n, samples and depth
CURVES = {
    "n": (
        "64-w-10 on digits, w = 8 to 128",
        [("digits", (64, w, 10)) for w in (8, 16, 32, 64, 128)],
        lambda n, samples, layers: n,
        ("gradient", "product", "products_16", "gauss_newton", "covariance", "hessian"),
    ),
    "samples": (
        "64-32-10 on 512 to 16384 synthetic samples",
        [(f"synthetic:{s}", (64, 32, 10)) for s in (512, 1024, 2048, 4096, 8192, 16384)],
        lambda n, samples, layers: samples,
        ("gradient", "product", "products_16", "per_sample_gradients", "hessian"),
    ),
    "depth": (
        "32 inputs, 1 to 16 hidden layers of 32, 10 outputs, on 2048 synthetic samples",
        [("synthetic:2048", (32,) + (32,) * d + (10,)) for d in (1, 2, 4, 8, 16)],
        lambda n, samples, layers: layers - 1,
        ("gradient", "product", "products_16", "hessian"),
    ),
}


class WorkerError(Exception):
    pass


class Worker:
    """A subprocess that computes on request: a JSON list of words a line out, a JSON object a line back."""

    def __init__(self, name, command, threads, cpus, environment=None):
        self.name = name
        variables = dict(os.environ, **(environment or {}))
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            variables[variable] = str(threads)
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=variables,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus[:threads]),
        )

    def ask(self, *words):
        try:
            self.process.stdin.write(json.dumps([str(w) for w in words]) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self.process.stdout.readline()
        if not line:
            raise WorkerError(f"{self.name} ended (status {self.process.wait()}) when asked: {' '.join(map(str, words))}")
        reply = json.loads(line)
        if "error" in reply:
            raise WorkerError(f"{self.name}: {reply['error']}")
        return reply

    def time(self, work, implementation, repeats, limit=LIMIT, slice_=SLICE):
        extra = () if self.name == "hessq" else (limit, slice_)
        return self.ask("time", work, implementation, repeats, *extra)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


# --- the machine -----------------------------------------------------------------------------------------------------


def cpu_information():
    information = {"model": platform.processor() or platform.machine(), "vector flags": []}
    try:
        with open("/proc/cpuinfo") as file:
            text = file.read()
    except OSError:
        return information
    model = re.search(r"^model name\s*:\s*(.*)$", text, re.M)
    flags = re.search(r"^flags\s*:\s*(.*)$", text, re.M)
    if model:
        information["model"] = model.group(1)
    if flags:
        information["vector flags"] = [f for f in flags.group(1).split() if re.match(r"sse|avx|fma|amx", f)]
    family = re.search(r"^cpu family\s*:\s*(\d+)$", text, re.M)
    number = re.search(r"^model\s*:\s*(\d+)$", text, re.M)
    if family and number:
        information["family and model"] = f"{family.group(1)}, {number.group(1)}"
    return information


def first_line(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None


def machine(cpus):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu_information(),
        "cores": len(cpus),
        "memory GiB": round(memory, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": first_line(["git", "-C", ROOT, "describe", "--always", "--dirty"]),
        "load average": os.getloadavg(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


# --- measuring -------------------------------------------------------------------------------------------------------


def repeats_for(seconds, least):
    return max(1, min(10000, math.ceil(least / max(seconds, 1e-9))))


class Effort:
    """How much time the measurement may take."""

    def __init__(self, quick, clock):
        self.clock = clock  # "seconds" on the wall or "cpu"
        self.least = 0.05 if quick else 0.2  # seconds of one timing
        self.budget = 3.0 if quick else 12.0  # seconds of one work in all rounds
        self.rounds = (2, 5) if quick else (3, 9)  # at least and at most
        self.choosing = 0.3 if quick else 1.0  # seconds of a slice while implementations are compared
        self.again = 1 if quick else 3  # further timings of implementations that are close to the best


def best_implementation(worker, work, effort, known):
    """The fastest implementation, (name, seconds), and what each took. Errors do not end the others.

    Implementations named "..., N at a time" are tried with N growing. Once the time has grown twice in a row and is
    half as long again as the best, larger N are left out, and so is what was far from the best in `known`, the times
    for a work that is done in the same way. Those near the best are timed again."""
    times, errors = {}, {}
    history = {}
    for name in worker.ask("implementations", work)["implementations"]:
        family = re.sub(r", \d+ at a time$", "", name)
        past = history.setdefault(family, [])
        if known.get(name, 0.0) > 1.5 * min(known.values(), default=0.0):
            continue
        if len(past) >= 3 and past[-1] > past[-2] > past[-3] and past[-1] > 1.5 * min(times.values()):
            continue
        try:
            first = worker.time(work, name, 1, limit=2 * effort.choosing, slice_=effort.choosing)[effort.clock]
        except WorkerError as error:
            if worker.process.poll() is not None:
                raise
            errors[name] = str(error)
            continue
        past.append(first)
        times[name] = first
    if not times:
        return None, times, errors
    for name in sorted(times, key=times.get)[:4]:
        if len(times) > 1 and times[name] < 1.5 * min(times.values()) and times[name] < 10:
            for _ in range(effort.again):
                again = worker.time(
                    work, name, repeats_for(times[name], effort.least / 2), 2 * effort.choosing, effort.choosing
                )
                times[name] = min(times[name], again[effort.clock])
    best = min(times, key=times.get)
    return (best, times[best]), times, errors


def measure(workers, work, effort, folder, earlier):
    """Timings of one work by all workers that can do it, in turn. `earlier` are the results for the same case."""
    result = {"work": work, "load before": os.getloadavg()[0], "libraries": {}}
    chosen = {}
    for worker in workers:
        known = {}
        for other in earlier:
            if (other["work"], work) == ("hessian", "diagonal"):
                known = other["libraries"].get(worker.name, {}).get("tried", {})
        best, times, errors = best_implementation(worker, work, effort, known)
        if best is None:
            if errors:
                result["libraries"][worker.name] = {"failed": errors}
            continue
        chosen[worker.name] = worker, *best
        result["libraries"][worker.name] = {"implementation": best[0], "tried": times, "failed": errors}
    if "hessq" not in chosen:
        return None
    hessq = chosen["hessq"][0]
    result["flops"] = hessq.ask("flops", work)["flops"]

    for name, (worker, implementation, _) in chosen.items():
        if work == "peak" or name == "hessq":
            continue
        path = os.path.join(folder, f"{name}.npy")
        columns = worker.ask("check", work, implementation, path)["columns"]
        difference = hessq.ask("agree", work, path, *(k for pair in columns for k in pair))["difference"]
        os.remove(path)
        result["libraries"][name]["difference"] = difference
        if difference is None or not difference <= TOLERANCE:
            raise WorkerError(f"{work}: {name} ({implementation}) and hessq differ by {difference} of the largest entry")

    spent = sum(min(max(s, effort.least), SLICE if s > LIMIT else math.inf) for _, _, s in chosen.values())
    rounds = max(effort.rounds[0], min(effort.rounds[1], int(effort.budget / spent)))
    for entry in result["libraries"].values():
        entry.update(seconds=[], cpu=[], scale=1.0)
    for _ in range(rounds):
        for name, (worker, implementation, seconds) in chosen.items():
            timing = worker.time(work, implementation, repeats_for(seconds, effort.least))
            entry = result["libraries"][name]
            entry["seconds"].append(timing["seconds"])
            entry["cpu"].append(timing["cpu"])
            entry["scale"] = max(entry["scale"], timing["scale"])
    result["load after"] = os.getloadavg()[0]
    for name in chosen:
        entry = result["libraries"][name]
        entry["best"] = min(entry[effort.clock])
        ratios = [t / h for t, h in zip(entry[effort.clock], result["libraries"]["hessq"][effort.clock])]
        entry["ratio"] = {
            "median": statistics.median(ratios),
            "least": min(ratios),
            "most": max(ratios),
            "of minima": entry["best"] / result["libraries"]["hessq"]["best"],
        }
    return result


def measure_peak(make_worker, peers, effort):
    """Flops a second of the best 2048 x 2048 x 2048 product that anything here manages."""
    rates = {}
    # OpenBLAS takes its kernels by the name of the processor, or by this variable.
    settings = {"": {}, " with kernels for AVX-512": {"OPENBLAS_CORETYPE": "SkylakeX"}}
    if "avx512f" not in cpu_information()["vector flags"]:
        settings.popitem()
    workers = [(make_worker("hessq", environment), label) for label, environment in settings.items()]
    workers += [(peer, "") for peer in peers]
    for _ in range(effort.rounds[0] + 2):
        for worker, label in workers:
            for name in worker.ask("implementations", "peak")["implementations"]:
                if label and name != "OpenBLAS":
                    continue
                seconds = worker.time("peak", name, 1)[effort.clock]
                rates[name + label] = max(rates.get(name + label, 0.0), 2.0 * 2048**3 / seconds)
    for worker, _ in workers[: len(settings)]:
        worker.close()
    return {"rates": rates, "best": max(rates.values())}


def measure_command(program, threads, cpus, rounds):
    """Seconds of the whole command hessq compare on its default problem, a fresh process each time."""
    seconds, cpu = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            command = [program, "compare", "--problem", "digits-mlp", "--quiet", "--out", os.path.join(folder, "out")]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            begin = time.perf_counter()
            subprocess.run(
                command,
                check=True,
                stdout=subprocess.DEVNULL,
                preexec_fn=lambda: os.sched_setaffinity(0, cpus[:threads]),
            )
            seconds.append(time.perf_counter() - begin)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"command": "hessq compare --problem digits-mlp", "seconds": seconds, "cpu": cpu}


# --- scaling ---------------------------------------------------------------------------------------------------------


def fitted_exponent(sizes, seconds):
    """The slope of ln seconds over ln size by least squares, with its standard error."""
    x, y = [math.log(s) for s in sizes], [math.log(s) for s in seconds]
    mean_x, mean_y = statistics.fmean(x), statistics.fmean(y)
    square = sum((a - mean_x) ** 2 for a in x)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / square
    rest = sum((b - mean_y - slope * (a - mean_x)) ** 2 for a, b in zip(x, y))
    return {"exponent": slope, "standard error": math.sqrt(rest / (len(x) - 2) / square)}


def measure_scaling(worker, effort, works):
    """Best times of hessq along each curve, all sizes in turn in every round."""
    curves = []
    for size, (description, cases, size_of, curve_works) in CURVES.items():
        points = []
        for _ in range(effort.rounds[0]):
            for k, (data, widths) in enumerate(cases):
                shape = worker.ask("prepare", "-", data, *widths)
                if k == len(points):
                    point = size_of(shape["parameters"], shape["samples"], len(widths) - 1)
                    points.append({"size": point, "parameters": shape["parameters"], "samples": shape["samples"],
                                   "seconds": {}})
                for work in curve_works:
                    if work not in works:
                        continue
                    first = worker.time(work, "hessq", 1)[effort.clock]
                    again = worker.time(work, "hessq", repeats_for(first, effort.least / 4))[effort.clock]
                    best = points[k]["seconds"]
                    best[work] = min(best.get(work, math.inf), first, again)
        if not points[0]["seconds"]:
            continue
        curve = {"size": size, "description": description, "points": points, "exponents": {}}
        for work in points[0]["seconds"]:
            sizes = [p["size"] for p in points]
            curve["exponents"][work] = fitted_exponent(sizes, [p["seconds"][work] for p in points])
        curves.append(curve)
    return curves


# --- tables ----------------------------------------------------------------------------------------------------------


def number(value):
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def table(rows):
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for row in rows:
        print("  ".join([row[0].ljust(widths[0])] + [cell.rjust(w) for cell, w in zip(row[1:], widths[1:])]))
    print()


def print_case(case, results, peak, peers):
    print(f"{case['name']} on {case['data']}: n = {case['parameters']}, {case['samples']} samples, "
          f"{case['threads']} thread{'s' if case['threads'] > 1 else ''}")
    rows = [["", "hessq s", "Gflop/s", "of peak"] + [f"{p} / hessq" for p in peers] + ["agree to"]]
    for result in results:
        libraries = result["libraries"]
        seconds = libraries["hessq"]["best"]
        row = [WORKS[result["work"]], number(seconds)]
        if result["flops"] is None:
            row += ["", ""]
        else:
            rate = result["flops"] / seconds
            row += [number(rate / 1e9), f"{100 * rate / peak:.0f} %"]
        differences = [e["difference"] for e in libraries.values() if "difference" in e]
        for peer in peers:
            ratio = libraries.get(peer, {}).get("ratio")
            cell = "-"
            if ratio:
                cell = f"{number(ratio['median'])} ({number(ratio['least'])}-{number(ratio['most'])})"
                cell += " *" if libraries[peer]["scale"] > 1.0 else ""
            row.append(cell)
        rows.append(row + [f"{max(differences):.0e}" if differences else ""])
    table(rows)


def print_implementations(results, peers):
    rows = [["fastest of the peers", "library", "seconds", "implementation"]]
    for result in results:
        for peer in peers:
            entry = result["libraries"].get(peer, {})
            if "best" in entry:
                scaled = " *" if entry["scale"] > 1.0 else ""
                rows.append([WORKS[result["work"]], peer, number(entry["best"]) + scaled,
                             entry["implementation"]])
    if len(rows) > 1:
        table(rows)


def print_curves(curves):
    for curve in curves:
        works = list(curve["exponents"])
        print(f"seconds of hessq over {curve['size']}: {curve['description']}")
        rows = [[curve["size"]] + works]
        rows += [[str(p["size"])] + [number(p["seconds"][w]) for w in works] for p in curve["points"]]
        rows.append(["exponent"] + [f"{e['exponent']:.2f} +- {e['standard error']:.2f}"
                                    for e in curve["exponents"].values()])
        table(rows)


def print_speedups(report):
    """hessq's own times with more threads over one, of the works measured with both."""
    seconds = {}
    for entry in report["cases"]:
        for result in entry["results"]:
            best = result["libraries"]["hessq"]["best"]
            seconds.setdefault((entry["name"], result["work"]), {})[entry["threads"]] = best
    speedups = [
        {"case": case, "work": work, "threads": t, "speedup": times[1] / times[t]}
        for (case, work), times in seconds.items()
        if 1 in times
        for t in times
        if t > 1
    ]
    if speedups:
        rows = [["speed-up of hessq with threads", "case", "threads", "times"]]
        rows += [[WORKS[s["work"]], s["case"], str(s["threads"]), number(s["speedup"])] for s in speedups]
        table(rows)
    return speedups


# --- the whole -------------------------------------------------------------------------------------------------------


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="script/bench",
        description="Measures hessq, PyTorch, JAX and curvlinops on the same networks, interleaved, in float64.",
        epilog="Works: " + "; ".join(f"{k} ({v})" for k, v in (WORKS | OTHER).items()) + ". Cases: " + ", ".join(CASES),
    )
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--peers", action="store_true",
                        help="measure PyTorch, JAX and curvlinops too; installs them, pinned, into build/bench/peers")
    parser.add_argument("--python", metavar="PROGRAM", help="a Python that has the peers, in place of that environment")
    parser.add_argument("--libraries", default=",".join(PEERS), metavar="NAME,...", help="which peers (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter timings, without the largest networks")
    parser.add_argument("--threads", default=",".join(sorted({"1", str(cores)})), metavar="N,...",
                        help="thread counts to measure with (default: 1 and all)")
    parser.add_argument("--only", default="", metavar="WORK,...", help="only these works")
    parser.add_argument("--cases", default="", metavar="CASE,...", help="only these networks")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall",
                        help="what seconds are: on the wall (default), or of the processor, which on a machine that "
                        "others use too is steadier, and fair with one thread only")
    parser.add_argument("--out", default=os.path.join(ROOT, "build/bench/result.json"), metavar="FILE",
                        help="where the numbers go (default: build/bench/result.json)")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)

    def chosen(text, known, what):
        names = [name for name in text.split(",") if name]
        for name in names:
            if name not in known:
                parser.error(f"{what}: expected one of {', '.join(known)}; got {name}")
        return names

    options.only = chosen(options.only, [*WORKS, *OTHER], "--only")
    options.cases = chosen(options.cases, list(CASES), "--cases")
    options.libraries = chosen(options.libraries, list(PEERS), "--libraries")
    if options.peers and not options.python:
        parser.error("--peers: expected to be called by script/bench, which installs them; or name --python")
    try:
        options.threads = sorted({int(t) for t in options.threads.split(",")})
    except ValueError:
        parser.error(f"--threads: expected whole numbers; got {options.threads}")
    if options.threads[0] < 1 or options.threads[-1] > cores:
        parser.error(f"--threads: expected 1 to {cores}; got {','.join(map(str, options.threads))}")
    return options


def main(arguments):
    options = parse(arguments)
    effort = Effort(options.quick, {"wall": "seconds", "cpu": "cpu"}[options.clock])
    cpus = sorted(os.sched_getaffinity(0))
    program = os.path.join(options.build, "bench/curvature")
    python = options.python
    cases = options.cases or [c for c in CASES if not options.quick or c in ("64-10", "64-16-10", "64-32-10")]
    works = [w for w in WORKS if not options.only or w in options.only]
    report = {"machine": machine(cpus), "versions": {}, "tolerance": TOLERANCE, "limit": LIMIT, "clock": options.clock,
              "quick": options.quick,
              "peak": {}, "cases": [], "compare": [], "scaling": []}
    if report["machine"]["load average"][0] > 0.3:
        print(f"note: the machine is busy (load {report['machine']['load average'][0]:.1f}); ratios hold better than "
              "seconds", file=sys.stderr)

    def start(name, threads, environment=None):
        command = [program, str(threads)] if name == "hessq" else [python, os.path.join(ROOT, "bench/peers.py"), name]
        return Worker(name, command, threads, cpus, environment)

    def save():
        os.makedirs(os.path.dirname(os.path.abspath(options.out)), exist_ok=True)
        with open(options.out + ".new", "w") as file:
            json.dump(report, file, indent=1)
        os.replace(options.out + ".new", options.out)

    folder = tempfile.mkdtemp()
    try:
        for threads in options.threads:
            hessq = start("hessq", threads)
            peers = [start(name, threads) for name in options.libraries] if python else []
            for worker in [hessq, *peers]:
                described = worker.ask("versions")
                report["versions"].update(described.pop("versions"))
                report["machine"].update(described)
            peak = measure_peak(lambda name, env: start(name, threads, env),
                                [p for p in peers if p.name != "curvlinops"], effort)
            report["peak"][str(threads)] = peak
            rates = ", ".join(f"{name} {number(rate / 1e9)}" for name, rate in peak["rates"].items())
            print(f"matrix product 2048^3 with {threads} thread{'s' if threads > 1 else ''}, Gflop/s: {rates}\n")
            names = [p.name for p in peers]
            for case in cases if works else []:
                data, widths = CASES[case]
                shape = hessq.ask("prepare", folder, data, *widths)
                for peer in peers:
                    peer.ask("prepare", folder, *widths)
                entry = {"name": case, "data": data, "widths": widths, "threads": threads, **shape, "results": []}
                report["cases"].append(entry)
                for work in works:
                    result = measure([hessq, *peers], work, effort, folder, entry["results"])
                    if result:
                        entry["results"].append(result)
                        save()
                        if sys.stderr.isatty():
                            print(f"\r\033[K{case}: {WORKS[work]}", end="", file=sys.stderr, flush=True)
                if sys.stderr.isatty():
                    print("\r\033[K", end="", file=sys.stderr, flush=True)
                print_case(entry, entry["results"], peak["best"], names)
                print_implementations(entry["results"], names)
                sys.stdout.flush()
            if not options.only or "scaling" in options.only:
                curves = measure_scaling(hessq, effort, works if set(options.only) & set(WORKS) else list(WORKS))
                report["scaling"].append({"threads": threads, "curves": curves})
                print(f"{threads} thread{'s' if threads > 1 else ''}:")
                print_curves(curves)
            for worker in [hessq, *peers]:
                worker.close()
            if not options.only or "compare" in options.only:
                timing = measure_command(os.path.join(options.build, "apps/hessq"), threads, cpus, effort.rounds[0] - 1)
                report["compare"].append({"threads": threads, **timing})
                print(f"{timing['command']} with {threads} thread{'s' if threads > 1 else ''}: "
                      f"{number(min(timing['seconds']))} s (most {number(max(timing['seconds']))} s, processor "
                      f"{number(min(timing['cpu']))} s)\n")
            save()
        report["speedups"] = print_speedups(report)
        report["machine"]["load average at the end"] = os.getloadavg()
        save()
    except WorkerError as error:
        save()
        sys.exit(f"bench: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    starred = any(e.get("scale", 1.0) > 1.0 for c in report["cases"] for r in c["results"]
                  for e in r["libraries"].values())
    if python:
        print("Ratios: median over rounds (least-most); above 1, hessq is faster.")
    if starred:
        print(f"* would take longer than {LIMIT} s: some of its columns were timed and the time scaled up.")
    print(f"Everything measured is in {os.path.relpath(options.out)}")


if __name__ == "__main__":
    main(sys.argv[1:])
