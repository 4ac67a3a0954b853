"""Trajectories of optimizers that PyTorch lacks or has in half precision only; writes second_order.json beside itself.

    python3 -m venv venv && venv/bin/pip install numpy==2.4.6
    venv/bin/python data/reference/second_order.py

Written from the papers with NumPy alone. Shampoo and Muon act on given gradients of one 3 x 2 matrix and one vector of 2;
Sophia, AdaHessian and Newton train a logistic regression, whose Hessian is known in closed form.
"""

import json
import pathlib

import numpy as np

STEPS = 12


def power(a, p):
    values, vectors = np.linalg.eigh(a)
    return vectors @ np.diag(values**p) @ vectors.T


def msign(a):
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    return (u * (s > 1e-14 * s.max())) @ vt


def newton_schulz(a, steps=5, coefficients=(3.4445, -4.7750, 2.0315)):
    x = a / np.linalg.norm(a)
    for _ in range(steps):
        s = x @ x.T @ x
        x = coefficients[0] * x + coefficients[1] * s + coefficients[2] * s @ x.T @ x
    return x


def layers():
    rng = np.random.default_rng(11)
    start = [rng.standard_normal((3, 2)), rng.standard_normal(2)]
    gradients = [[rng.standard_normal((3, 2)), rng.standard_normal(2)] for _ in range(STEPS)]
    return start, gradients


def flat(parts):
    return np.concatenate([p.ravel() for p in parts]).tolist()


def shampoo(lr, momentum, eps, exponent, weight_decay):
    """arXiv 1802.09568, algorithm 1; a vector is a tensor of order 1. Momentum is a sum before the division."""
    (w, b), gradients = layers()
    left, right, only = eps * np.eye(3), eps * np.eye(2), eps * np.eye(2)
    mw, mb = np.zeros((3, 2)), np.zeros(2)
    points = []
    for gw, gb in gradients:
        gw, gb = gw + weight_decay * w, gb + weight_decay * b
        left, right, only = left + gw @ gw.T, right + gw.T @ gw, only + np.outer(gb, gb)
        mw, mb = momentum * mw + gw, momentum * mb + gb
        w = w - lr * power(left, -exponent) @ mw @ power(right, -exponent)
        b = b - lr * power(only, -2 * exponent) @ mb
        points.append(flat([w, b]))
    return points


def muon(lr, momentum, nesterov, weight_decay, sign):
    """As torch.optim.Muon, with vectors as matrices of one column: averages, and sqrt(max(1, rows / cols)) for length."""
    (w, b), gradients = layers()
    parts, buffers = [w, b.reshape(2, 1)], [np.zeros((3, 2)), np.zeros((2, 1))]
    points = []
    for gw, gb in gradients:
        for i, g in enumerate([gw, gb.reshape(2, 1)]):
            buffers[i] = momentum * buffers[i] + (1 - momentum) * g
            update = momentum * buffers[i] + (1 - momentum) * g if nesterov else buffers[i]
            rows, cols = g.shape
            parts[i] = (1 - lr * weight_decay) * parts[i] - lr * np.sqrt(max(1.0, rows / cols)) * sign(update)
        points.append(flat(parts))
    return points


def data():
    rng = np.random.default_rng(12)
    return rng.standard_normal((20, 3)) * [1.0, 0.3, 2.0], (rng.random(20) < 0.4).astype(int)


def derivatives(theta, inputs, labels):
    x = np.hstack([inputs, np.ones((len(inputs), 1))])
    p = 1 / (1 + np.exp(-x @ theta))
    return x.T @ (p - labels) / len(x), (x * (p * (1 - p))[:, None]).T @ x / len(x)


def trained(step):
    inputs, labels = data()
    theta = np.array([0.3, -0.2, 0.1, 0.05])
    points = []
    for t in range(1, STEPS + 1):
        theta = step(t, theta, *derivatives(theta, inputs, labels))
        points.append(theta.tolist())
    return points


def sophia(lr, beta1, beta2, gamma, eps, interval, clip, weight_decay):
    """arXiv 2305.14342, algorithm 3, with the exact diagonal."""
    state = {"m": 0.0, "h": 0.0}

    def step(t, theta, g, h):
        state["m"] = beta1 * state["m"] + (1 - beta1) * g
        if t % interval == 1 % interval:
            state["h"] = beta2 * state["h"] + (1 - beta2) * np.diag(h)
        theta = theta - lr * weight_decay * theta
        return theta - lr * np.clip(state["m"] / np.maximum(gamma * state["h"], eps), -clip, clip)

    return trained(step)


def adahessian(lr, beta1, beta2, eps, exponent, weight_decay):
    """arXiv 2006.00719, algorithm 2, with the exact diagonal."""
    state = {"m": 0.0, "v": 0.0}

    def step(t, theta, g, h):
        state["m"] = beta1 * state["m"] + (1 - beta1) * g
        state["v"] = beta2 * state["v"] + (1 - beta2) * np.diag(h) ** 2
        root = np.sqrt(state["v"] / (1 - beta2**t)) ** exponent
        return theta - lr * (state["m"] / (1 - beta1**t) / (root + eps) + weight_decay * theta)

    return trained(step)


def newton(lr, damping):
    def step(_, theta, g, h):
        top = np.abs(np.linalg.eigvalsh(h)).max()
        return theta - lr * np.linalg.solve(h + damping * top * np.eye(len(theta)), g)

    return trained(step)


def main():
    start, gradients = layers()
    inputs, labels = data()
    result = {
        "made_by": "data/reference/second_order.py",
        "versions": {"numpy": np.__version__},
        "tolerance": 1e-11,
        "tolerance_means": "largest |difference| / (1 + |parameter|): rounding of eigenvectors of matrices with condition "
                           "numbers up to 1e4, over 12 steps",
        "layers": {"start": flat(start), "gradients": [flat(g) for g in gradients]},
        "logistic": {"inputs": inputs.tolist(), "labels": labels.tolist(), "start": [0.3, -0.2, 0.1, 0.05]},
        "trajectories": {
            "shampoo": shampoo(0.1, 0.0, 1e-2, 0.25, 0.0),
            "shampoo half power": shampoo(0.3, 0.5, 1e-1, 0.5, 0.2),
            "muon": muon(0.1, 0.9, True, 0.0, msign),
            "muon plain": muon(0.1, 0.5, False, 0.3, msign),
            "muon newton schulz": muon(0.1, 0.9, True, 0.0, newton_schulz),
            "sophia": sophia(0.1, 0.9, 0.8, 2.0, 1e-3, 3, 1.0, 0.1),
            "sophia never clipped": sophia(0.1, 0.9, 0.8, 2.0, 1e-1, 1, 100.0, 0.0),
            "adahessian": adahessian(0.1, 0.9, 0.99, 1e-4, 1.0, 0.1),
            "adahessian half power": adahessian(0.1, 0.8, 0.9, 1e-2, 0.5, 0.0),
            "newton": newton(1.0, 0.01),
        },
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(result, indent=1) + "\n")


main()
