"""Activations and their first three derivatives, and the losses of single samples, to 17 digits by mpmath.

Writes activations.json and losses.json beside this file. Run: python3 data/reference/activations.py
Needs mpmath 1.3.0. All points are doubles, taken exactly; the arithmetic has 60 digits, and as many more as the
cancellation in extreme logits eats.
"""

import json
import pathlib

import mpmath
from mpmath import mp, mpf

folder = pathlib.Path(__file__).parent
command = "python3 data/reference/activations.py"
mp.dps = 60


def cdf(z):
    return mpmath.erfc(-z / mpmath.sqrt(2)) / 2


def density(z):
    return mpmath.exp(-z * z / 2) / mpmath.sqrt(2 * mpmath.pi)


def logistic(z):
    return 1 / (1 + mpmath.exp(-z))


def logistic_derivatives(z):
    """sigmoid, its first, second and third derivative, without cancellation."""
    s, slope, t = logistic(z), 1 / (4 * mpmath.cosh(z / 2) ** 2), mpmath.tanh(z / 2)
    return s, slope, -slope * t, slope * (t * t - 2 * slope)


def tanh(z):
    t, slope = mpmath.tanh(z), 1 / mpmath.cosh(z) ** 2
    return t, slope, -2 * t * slope, slope * (4 * t * t - 2 * slope)


def softplus(z):
    return (mpmath.log1p(mpmath.exp(z)), *logistic_derivatives(z)[:3])


def gelu(z):
    return z * cdf(z), cdf(z) + z * density(z), density(z) * (2 - z * z), density(z) * z * (z * z - 4)


def relu(z):
    return max(z, mpf(0)), mpf(z > 0), mpf(0), mpf(0)


def identity(z):
    return z, mpf(1), mpf(0), mpf(0)


def activations():
    sizes = [1e-300, 1e-100, 1e-12, 1e-8, 1e-4, 0.01, 0.1, 0.1249, 0.1251, 0.25, 0.5, 0.75, 1.0, 1.4142, 2.0, 3.0,
             4.0, 5.5, 8.0, 12.0, 16.0, 18.5, 20.0, 25.0, 30.0, 36.0, 38.0, 40.0]
    points = [-z for z in reversed(sizes)] + [0.0] + sizes
    functions = {"tanh": tanh, "sigmoid": logistic_derivatives, "softplus": softplus, "gelu": gelu, "relu": relu,
                 "identity": identity}
    # The formulas above against derivatives taken numerically by mpmath, where there is no kink.
    for name, function in functions.items():
        for z in map(mpf, points):
            if abs(z) >= 0.1:
                for order in (1, 2, 3):
                    numeric = mpmath.diff(lambda x: function(x)[order - 1], z)
                    assert abs(numeric - function(z)[order]) < mpf(10) ** -25, (name, z, order)
    table = {name: [[float(x) for x in f(mpf(z))] for z in points] for name, f in functions.items()}
    return {"command": command, "mpmath": mpmath.__version__, "points": points,
            "columns": ["value", "first", "second", "third"], **table}


def cross_entropy(logits, label):
    """Value, gradient and Hessian of -ln softmax(f)_label; for one logit of -ln sigmoid(+-f)."""
    f = [mpf(x) for x in logits]
    if len(f) == 1:
        p, q = logistic(f[0]), logistic(-f[0])
        return -mpmath.log(p if label else q), [-q if label else p], [[p * q]]
    weights = [mpmath.exp(x - max(f)) for x in f]
    p = [w / sum(weights) for w in weights]
    others = [sum(q for k, q in enumerate(p) if k != i) for i in range(len(p))]
    gradient = [-others[i] if i == label else p[i] for i in range(len(p))]
    hessian = [[p[i] * others[i] if i == j else -p[i] * p[j] for j in range(len(p))] for i in range(len(p))]
    return -mpmath.log(p[label]), gradient, hessian


def losses():
    logits = [[0.0], [1e-12], [-0.5], [3.25], [-20.0], [40.0], [800.0], [-800.0],
              [0.0, 0.0], [1.5, -2.25], [800.0, -800.0], [0.25, -1.0, 2.0], [30.0, -30.0, 29.0], [-800.0, 800.0, 799.5],
              [1e-12, 0.0, -1e-12], [800.0, 800.0, 800.0], [-3.0, 0.5, 0.5, 12.0]]
    entries = []
    for f in logits:
        for label in range(max(2, len(f))):
            # A probability e^-1600 must survive 1 - p.
            mp.dps = 1500
            value, gradient, hessian = cross_entropy(f, label)
            entries.append({"logits": f, "label": label, "value": float(value),
                            "gradient": [float(g) for g in gradient],
                            "hessian": [[float(h) for h in row] for row in hessian]})
    return {"command": command, "mpmath": mpmath.__version__, "cross_entropy": entries}


def write(name, content):
    (folder / name).write_text(json.dumps(content, separators=(",", ":")).replace("],", "],\n") + "\n")


write("activations.json", activations())
write("losses.json", losses())
