"""Moments of updates with an epsilon, means of products of signs, and best rates, to 17 digits by mpmath.

Writes scaling_laws.json beside this file. Run: python3 data/reference/scaling_laws.py
Needs mpmath 1.3.0. All arguments are doubles, taken exactly; every number is an integral over the normal density,
taken from its definition with 30 digits, twice: with one set of panels and with each of them halved.
"""

import json
import pathlib

import mpmath
from mpmath import mp, mpf

folder = pathlib.Path(__file__).parent
command = "python3 data/reference/scaling_laws.py"
mp.dps = 30
reach = 12  # the normal density there is 2e-32


def density(z):
    return mpmath.exp(-z * z / 2) / mpmath.sqrt(2 * mpmath.pi)


def integral(integrand, cuts):
    """Over [-reach, reach], cut where the integrand has a kink and geometrically around it."""
    inside = sorted({c for c in cuts if -reach < c < reach} | set(map(mpf, range(-reach, reach + 1, 3))))
    halved = sorted(set(inside) | {(x + y) / 2 for x, y in zip(inside, inside[1:])})
    rough, fine = mpmath.quad(integrand, inside), mpmath.quad(integrand, halved)
    assert abs(rough - fine) <= mpf(10) ** -20 * (abs(fine) + mpf(10) ** -10), (rough, fine)
    return fine


def update(form, x, eps):
    if form == "softsign":
        return x / mpmath.sqrt(x * x + eps * eps)
    if form == "clip":
        return max(mpf(-1), min(mpf(1), x / eps))
    return x / (abs(x) + eps)


def moments(form, a, b):
    """E u, E u^2 and Var u of u(a + z)."""
    a, b = mpf(a), mpf(b)
    around = [-a] + [-a + s * b * mpf(4) ** k for s in (-1, 1) for k in range(-3, 40)]
    mean = integral(lambda z: update(form, a + z, b) * density(z), around)
    variance = integral(lambda z: (update(form, a + z, b) - mean) ** 2 * density(z), around)
    return mean, variance + mean ** 2, variance


def sign_product(h, k, r):
    """E sign(h + x) sign(k + y), corr(x, y) = r: over x, then the mean of the other sign."""
    h, k, r = mpf(h), mpf(k), mpf(r)
    root = mpmath.sqrt(2 * (1 - r) * (1 + r))
    cuts = [-h] + ([-k / r + s * root * mpf(2) ** j for s in (-1, 0, 1) for j in range(-2, 8)] if r else [])
    return integral(lambda z: mpmath.sign(h + z) * mpmath.erf((k + r * z) / root) * density(z), cuts)


def best_rate(form, g, h, sigma, eps, batch):
    """E[u]'g / (E[u]'H E[u] + sum H_ii Var u_i), coordinates independent."""
    n, root = len(g), mpmath.sqrt(mpf(batch))
    u = [moments(form, mpf(g[i]) * root / mpf(sigma[i]), mpf(eps) * root / mpf(sigma[i])) for i in range(n)]
    slope = sum(u[i][0] * mpf(g[i]) for i in range(n))
    curvature = sum(u[i][0] * u[j][0] * mpf(h[i][j]) for i in range(n) for j in range(n))
    return slope / (curvature + sum(mpf(h[i][i]) * u[i][2] for i in range(n)))


def main():
    forms = ["softsign", "clip", "ratio"]
    points = [[a, b] for a in (0.0, 1e-6, 0.1, 0.5, 1.0, 2.0, 6.0, 9.9, 10.1, 50.0)
              for b in (1e-5, 0.01, 0.5, 0.999, 1.001, 3.0, 30.0, 1000.0)]
    table = {form: [[float(x) for x in moments(form, a, b)] for a, b in points] for form in forms}
    pairs = [[h, k, r] for h, k in ((0.0, 0.0), (0.0, 0.7), (-0.4, 0.0), (0.4, -0.7), (0.4, 0.7), (-1.5, -1e-3),
                                    (3.0, 2.5), (1e-8, -2.0)) for r in (-0.999, -0.6, 0.0, 0.3, 0.5, 0.999)]
    signs = [float(sign_product(*pair)) for pair in pairs]
    h = [[2.0, 0.5, 0.2], [0.5, 1.0, 0.1], [0.2, 0.1, 0.5]]
    g, sigma = [1.0, -0.5, 0.25], [2.0, 1.0, 0.5]
    rates = [{"form": form, "eps": eps, "batch": batch, "rate": float(best_rate(form, g, h, sigma, eps, batch))}
             for form in forms for eps in (0.03, 1.0, 1000.0) for batch in (1.0, 8.0, 64.0)]
    numbers = {"command": command, "mpmath": mpmath.__version__, "points": points,
               "columns": ["mean", "second", "variance"], **table, "pairs": pairs, "signs": signs,
               "problem": {"g": g, "H": h, "sigma": sigma}, "rates": rates}
    text = json.dumps(numbers, separators=(",", ":")).replace("],[", "],\n[").replace("},{", "},\n{")
    (folder / "scaling_laws.json").write_text(text.replace(',"', ',\n"') + "\n")


if __name__ == "__main__":
    main()
