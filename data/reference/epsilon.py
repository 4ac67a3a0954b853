"""What the theory of epsilon prints of single points, maxima and thresholds, to 15 digits by mpmath.

Writes epsilon.json beside this file. Run: python3 data/reference/epsilon.py
Needs mpmath 1.3.0. Moments come from scaling_laws.py, which integrates their definitions twice.
"""

import json
import pathlib

import mpmath
from mpmath import mp, mpf

from scaling_laws import best_rate, moments

folder = pathlib.Path(__file__).parent
command = "python3 data/reference/epsilon.py"
mp.dps = 30


def attenuated(a, b, c):
    """c3, c4, c8: E u ~ a / sqrt(a^2 + b^2 + c), E u^2 ~ 1 - b^2 / (a^2 + b^2 + c)."""
    a, b = mpf(a), mpf(b)
    return a / mpmath.sqrt(a * a + b * b + c), 1 - b * b / (a * a + b * b + c)


def maximum(f, low, high):
    """Argument and value of the largest f between low and high, by golden sections to 1e-9."""
    golden = (mpmath.sqrt(5) - 1) / 2
    a, b = mpf(low), mpf(high)
    x, y = b - golden * (b - a), a + golden * (b - a)
    fx, fy = f(x), f(y)
    while b - a > mpf(10) ** -8:
        if fx > fy:
            b, y, fy = y, x, fx
            x = b - golden * (b - a)
            fx = f(x)
        else:
            a, x, fx = x, y, fy
            y = a + golden * (b - a)
            fy = f(y)
    return float((a + b) / 2), float(f((a + b) / 2))


def clip_threshold(ratio):
    """The least Var u / (E u (u0 - E u)) of a clipped update over a = g sqrt(B) / sigma, eps = ratio g."""
    ratio = mpf(ratio)

    def needed(log_a):
        a = mpmath.exp(log_a)
        mean, _, variance = moments("clip", a, ratio * a)
        return -variance / (mean * (1 / ratio - mean))

    grid = [mpmath.log(mpf("0.05") / ratio) + k * mpf("0.25") for k in range(40)]
    grid = [x for x in grid if x < mpmath.log(8 / (ratio - 1))]
    best = max(grid, key=needed)
    return -maximum(needed, best - mpf("0.25"), best + mpf("0.25"))[1]


def goodwin_staton_second(b):
    """y13: E (x / (|x| + b))^2 for x ~ N(0, 1): 1 - 2 b E 1/(|x| + b) + b^2 E 1/(|x| + b)^2 with
    G(z) = int_0^inf exp(-t^2) / (t + z) dt = sqrt(pi) D(z) - exp(-z^2) Ei(z^2) / 2, D Dawson's integral."""
    b = mpf(b)
    z = b / mpmath.sqrt(2)
    dawson = mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(-z * z) * mpmath.erfi(z)
    g = mpmath.sqrt(mpmath.pi) * dawson - mpmath.exp(-z * z) * mpmath.ei(z * z) / 2
    slope = -2 * z * g + mpmath.sqrt(mpmath.pi) - 1 / z
    scale = mpmath.sqrt(2 / mpmath.pi)
    return 1 - 2 * b * scale * g - b * b * scale * slope / mpmath.sqrt(2)


def counter_example():
    """c12: ten coordinates that share a direction and an eleventh without much gradient; sigma = 10 g."""
    n = 11
    h = [[1.0 if i == j else 0.9 for j in range(n)] for i in range(n)]
    for i in range(10):
        h[i][10] = h[10][i] = -4.05
    h[10][10] = 19.0
    g = [1.0] * 10 + [0.001]
    return g, h, [10.0 * x for x in g]


def mean_field_excess(g, h, eps):
    """c12: nu'H nu - tr H."""
    nu = [mpf(x) / mpmath.sqrt(mpf(x) ** 2 + mpf(eps) ** 2) for x in g]
    n = len(g)
    return sum(nu[i] * nu[j] * mpf(h[i][j]) for i in range(n) for j in range(n)) - sum(mpf(h[i][i]) for i in range(n))


def main():
    points = [[0.5, 0.5], [1.0, 1.0], [2.0, 1.0], [1.0, 0.1], [0.1, 2.0]]
    table = {
        "softsign": [[float(x) for x in moments("softsign", a, b)] for a, b in points],
        "clip": [[float(x) for x in moments("clip", a, b)] for a, b in points],
        "ratio": [[float(x) for x in moments("ratio", a, b)] for a, b in points],
        "essay": [[float(x) for x in attenuated(a, b, mpmath.pi / 2)] for a, b in points],
        "mean_field": [[float(x) for x in attenuated(a, b, 1)] for a, b in points],
    }
    soft = {}

    def softsign(a, b):
        key = (float(a), b)
        if key not in soft:
            soft[key] = moments("softsign", a, b)
        return soft[key]

    worst = {
        "clip_mean_at_6": maximum(lambda b: moments("clip", 6, b)[0] - softsign(6, b)[0], 5, 6.5),
        "essay_second_at_0": maximum(lambda b: attenuated(0, b, mpmath.pi / 2)[1] - softsign(0, b)[1], 0.4, 0.9),
        "mean_field_second_at_0": maximum(lambda b: attenuated(0, b, 1)[1] - softsign(0, b)[1], 0.3, 0.7),
    }
    g, h, sigma = counter_example()
    excess = [[eps, float(mean_field_excess(g, h, eps))] for eps in (0.01, 0.1, 1.0, 10.0)]
    rates = [[batch, float(best_rate("softsign", g, h, sigma, 1.0, batch))] for batch in (24.0, 25.0, 1e5)]
    numbers = {
        "command": command, "mpmath": mpmath.__version__, "points": points, "columns": ["mean", "second", "variance"],
        **table, "worst": worst, "clip_thresholds": [[r, clip_threshold(r)] for r in (1.1, 1.2, 1.5, 2.0, 10.0)],
        "ratio_second_at_0": [[b, float(goodwin_staton_second(b))] for b in (0.3, 1.0, 3.0)],
        "counter_example": {"excess": excess, "rates": rates},
    }
    text = json.dumps(numbers, separators=(",", ":")).replace("],[", "],\n[")
    (folder / "epsilon.json").write_text(text.replace(',"', ',\n"') + "\n")


if __name__ == "__main__":
    main()
