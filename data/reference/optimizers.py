"""Trajectories of PyTorch's optimizers, and of some it lacks, on given gradients; writes optimizers.json beside itself.

    python3 -m venv venv && venv/bin/pip install torch==2.13.0 numpy adabelief-pytorch==0.2.1
    venv/bin/python data/reference/optimizers.py

The gradients do not depend on the parameters, so that an error in one step is not fed back. Coordinate 3 sees no
gradient before step 8, coordinate 4 never: there v = 0 and the step is 0 / eps.
"""

import contextlib
import io
import json
import pathlib

import numpy
import torch
from adabelief_pytorch import AdaBelief

torch.set_default_dtype(torch.float64)
STEPS, SIZE = 20, 5
START = [1.0, -2.0, 0.5, 3.0, -0.25]


def gradients():
    rng = numpy.random.default_rng(1)
    g = rng.standard_normal((STEPS, SIZE)) * [1.0, 1e-3, 1e2, 1.0, 0.0]
    g[:8, 3] = 0.0
    return g


def adabelief(parameters, **options):
    with contextlib.redirect_stdout(io.StringIO()):
        return AdaBelief(parameters, weight_decouple=False, rectify=False, print_change_log=False, **options)


class ByHand(torch.optim.Optimizer):
    """What PyTorch lacks, written from the papers; every parameter tensor is one layer."""

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for w in group["params"]:
                state = self.state[w]
                if not state:
                    state.update(t=0, m=torch.zeros_like(w), v=torch.zeros_like(w))
                state["t"] += 1
                self.change(w, w.grad, state, group)


class Lion(ByHand):
    """arXiv 2302.06675, program 1."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    def change(self, w, g, state, o):
        b1, b2 = o["betas"]
        w.sub_(o["lr"] * (torch.sign(torch.lerp(g, state["m"], b1)) + o["weight_decay"] * w))
        state["m"] = torch.lerp(g, state["m"], b2)


class Lars(ByHand):
    """arXiv 1708.03888, algorithm 1."""

    def __init__(self, params, lr, momentum, trust, weight_decay):
        super().__init__(params, {"lr": lr, "momentum": momentum, "trust": trust, "weight_decay": weight_decay})

    def change(self, w, g, state, o):
        local = o["trust"] * torch.linalg.norm(w) / (torch.linalg.norm(g) + o["weight_decay"] * torch.linalg.norm(w))
        state["m"] = o["momentum"] * state["m"] + o["lr"] * local * (g + o["weight_decay"] * w)
        w.sub_(state["m"])


class Lamb(ByHand):
    """arXiv 1904.00962, algorithm 2 with phi(z) = z."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def change(self, w, g, state, o):
        b1, b2 = o["betas"]
        state["m"] = torch.lerp(g, state["m"], b1)
        state["v"] = torch.lerp(g * g, state["v"], b2)
        m, v = state["m"] / (1 - b1 ** state["t"]), state["v"] / (1 - b2 ** state["t"])
        r = m / (torch.sqrt(v) + o["eps"]) + o["weight_decay"] * w
        w.sub_(o["lr"] * torch.linalg.norm(w) / torch.linalg.norm(r) * r)


# case, optimizer of hessq, PyTorch's class, its options, the same under hessq's names (absent: the default)
CASES = [
    ("sgd", "sgd", torch.optim.SGD, {"lr": 0.1}, {"lr": 0.1}),
    ("sgd default", "sgd", torch.optim.SGD, {}, {}),
    ("sgd weight decay", "sgd", torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.3}, {"lr": 0.1, "weight_decay": 0.3}),
    ("momentum", "momentum", torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}, {"lr": 0.05, "momentum": 0.9}),
    ("momentum weight decay", "momentum", torch.optim.SGD, {"lr": 0.05, "momentum": 0.5, "weight_decay": 0.1},
     {"lr": 0.05, "momentum": 0.5, "weight_decay": 0.1}),
    ("nesterov", "nesterov", torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True},
     {"lr": 0.05, "momentum": 0.9}),
    ("nesterov weight decay", "nesterov", torch.optim.SGD,
     {"lr": 0.05, "momentum": 0.5, "nesterov": True, "weight_decay": 0.1},
     {"lr": 0.05, "momentum": 0.5, "weight_decay": 0.1}),
    ("rmsprop default", "rmsprop", torch.optim.RMSprop, {}, {}),
    ("rmsprop", "rmsprop", torch.optim.RMSprop, {"lr": 0.02, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1},
     {"lr": 0.02, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1}),
    ("adam default", "adam", torch.optim.Adam, {}, {}),
    ("adam", "adam", torch.optim.Adam, {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-2, "weight_decay": 0.1},
     {"lr": 0.1, "beta1": 0.8, "beta2": 0.95, "eps": 1e-2, "weight_decay": 0.1}),
    ("adamw default", "adamw", torch.optim.AdamW, {}, {}),
    ("adamw", "adamw", torch.optim.AdamW, {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-2, "weight_decay": 0.1},
     {"lr": 0.1, "beta1": 0.8, "beta2": 0.95, "eps": 1e-2, "weight_decay": 0.1}),
    ("adagrad default", "adagrad", torch.optim.Adagrad, {}, {}),
    ("adagrad", "adagrad", torch.optim.Adagrad, {"lr": 0.5, "eps": 1e-2, "weight_decay": 0.1},
     {"lr": 0.5, "eps": 1e-2, "weight_decay": 0.1}),
    ("adabelief default", "adabelief", adabelief, {}, {}),
    ("adabelief", "adabelief", adabelief, {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1},
     {"lr": 0.1, "beta1": 0.8, "beta2": 0.95, "eps": 1e-4, "weight_decay": 0.1}),
    ("adadelta default", "adadelta", torch.optim.Adadelta, {}, {}),
    ("adadelta", "adadelta", torch.optim.Adadelta, {"lr": 0.5, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1},
     {"lr": 0.5, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1}),
    ("lion default", "lion", Lion, {}, {}),
    ("lion", "lion", Lion, {"lr": 0.1, "betas": (0.8, 0.95), "weight_decay": 0.1},
     {"lr": 0.1, "beta1": 0.8, "beta2": 0.95, "weight_decay": 0.1}),
    ("lars", "lars", Lars, {"lr": 0.5, "momentum": 0.8, "trust": 0.01, "weight_decay": 0.3},
     {"lr": 0.5, "momentum": 0.8, "trust": 0.01, "weight_decay": 0.3}),
    ("lamb default", "lamb", Lamb, {}, {}),
    ("lamb", "lamb", Lamb, {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-2, "weight_decay": 0.1},
     {"lr": 0.1, "beta1": 0.8, "beta2": 0.95, "eps": 1e-2, "weight_decay": 0.1}),
]


def trajectory(make, options, g):
    w = torch.tensor(START, requires_grad=True)
    optimizer = make([w], **options)
    points = []
    for row in g:
        w.grad = torch.tensor(row)
        optimizer.step()
        points.append(w.detach().tolist())
    return points


def main():
    g = gradients()
    out = {
        "made_by": "data/reference/optimizers.py",
        "versions": {"torch": torch.__version__, "adabelief-pytorch": "0.2.1", "numpy": numpy.__version__},
        "tolerance": 1e-13,
        "tolerance_means": "largest |difference| / (1 + |parameter|) over 20 steps: the operations are the same "
                           "ones in another order, some 10 roundings a step of numbers below 10",
        "start": START,
        "gradients": g.tolist(),
        "cases": [
            {"case": case, "optimizer": name, "options": ours, "trajectory": trajectory(make, theirs, g)}
            for case, name, make, theirs, ours in CASES
        ],
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(out, indent=1) + "\n")


main()
