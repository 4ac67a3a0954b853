"""Closed forms about clipped gradients, from their definitions to 17 digits by mpmath.

Writes clipping.json beside this file. Run: python3 data/reference/clipping.py
Needs mpmath 1.3.0. All arguments are doubles, taken exactly. Expectations are integrals over the density of what is
averaged: none uses the closed form that is tested against it.
"""

import json
import pathlib

import mpmath
from mpmath import mp, mpf

folder = pathlib.Path(__file__).parent
command = "python3 data/reference/clipping.py"
mp.dps = 30


def ratio_of_moments(density):
    """E|z| / sqrt(E z^2) for a symmetric density, unnormalized, on (0, infinity)."""
    # Panels that grow geometrically: heavy tails end late.
    ends = [0] + [mpf(2) ** k for k in range(-3, 4)] + [mpf(10) ** k for k in range(1, 8)] + [mpmath.inf]
    total, first, second = (mpmath.quad(lambda z: z ** p * density(z), ends) for p in (0, 1, 2))
    return first / mpmath.sqrt(total * second)


def student(d):
    return ratio_of_moments(lambda z: (1 + z * z / d) ** (-(d + 1) / 2))


def sphere_cosine(n):
    """sqrt(n) E|u_1|, u uniform on the sphere: u_1 has the density (1 - u^2)^((n - 3) / 2)."""
    power = mpf(n - 3) / 2
    # u = sin(a): the density is smooth for n = 2, too.
    weight = lambda a: mpmath.cos(a) ** (2 * power + 1)
    total = mpmath.quad(weight, [0, mpmath.pi / 4, mpmath.pi / 2])
    first = mpmath.quad(lambda a: mpmath.sin(a) * weight(a), [0, mpmath.pi / 4, mpmath.pi / 2])
    return mpmath.sqrt(n) * first / total


def shares(a, b):
    """E[x^2 / (x^2 + y^2)] for independent normals of standard deviations a and b: over the angle of a standard pair."""
    inside = lambda t: (a * mpmath.cos(t)) ** 2 / ((a * mpmath.cos(t)) ** 2 + (b * mpmath.sin(t)) ** 2)
    # Peaked around pi / 2 where a >> b, so panels shrink towards both ends.
    half = [mpf(4) ** -k for k in range(20, 0, -1)]
    ends = [0] + half + [mpmath.pi / 4] + [mpmath.pi / 2 - x for x in reversed(half)] + [mpmath.pi / 2]
    first = mpmath.quad(inside, ends) * 2 / mpmath.pi
    return [first, 1 - first]


def shares_of_three(a):
    """The same for three, over the sphere: E a_k^2 u_k^2 / sum a_j^2 u_j^2."""
    squares = [mpf(x) ** 2 for x in a]
    result = []
    for k in range(3):
        def integrand(t, p, k=k):
            u = [mpmath.sin(t) * mpmath.cos(p), mpmath.sin(t) * mpmath.sin(p), mpmath.cos(t)]
            parts = [s * x * x for s, x in zip(squares, u)]
            return parts[k] / sum(parts) * mpmath.sin(t)
        # One octant.
        cuts = [0, mpmath.pi / 8, mpmath.pi / 4, 3 * mpmath.pi / 8, mpmath.pi / 2]
        result.append(mpmath.quad(integrand, cuts, cuts) / (mpmath.pi / 2))
    return result


def exceedance(degrees, level):
    """P(chi^2 with so many degrees of freedom > level), from its density."""
    density = lambda x: x ** (mpf(degrees) / 2 - 1) * mpmath.exp(-x / 2)
    above = mpmath.quad(density, [level, level + 10, level + 50, mpmath.inf])
    below = mpmath.quad(density, [0, mpf(level) / 4, level])
    return above / (above + below)


mp.dps = 20
degrees = [2.5, 3.0, 4.0, 7.5, 30.0]
sizes = [2, 3, 4, 10, 101]
pairs = [[1.0, 1.0], [1.0, 0.5], [1.0, 0.03125]]
triples = [[2.0, 1.0, 0.5], [1.0, 1.0, 0.25]]
levels = [[3, 1.0], [3, 9.0], [50, 40.0], [50, 70.0]]
numbers = {
    "command": command,
    "student": [[d, float(student(mpf(d)))] for d in degrees],
    "sphere": [[n, float(sphere_cosine(n))] for n in sizes],
    "pairs": [[p, [float(x) for x in shares(mpf(p[0]), mpf(p[1]))]] for p in pairs],
    "triples": [[t, [float(x) for x in shares_of_three(t)]] for t in triples],
    "exceedance": [[k, x, float(exceedance(k, mpf(x)))] for k, x in levels],
}
(folder / "clipping.json").write_text(json.dumps(numbers, indent=1) + "\n")
