"""Trajectories of PyTorch's optimizers on given gradients; writes optimizers.json beside itself.

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


# case, optimizer of hessq, PyTorch's class, its options, the same under hessq's names (absent: the default)
CASES = [
    ("sgd", "sgd", torch.optim.SGD, {"lr": 0.1}, {"lr": 0.1}),
    ("sgd default", "sgd", torch.optim.SGD, {}, {}),
    ("sgd weight decay", "sgd", torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.3}, {"lr": 0.1, "weight_decay": 0.3}),
    ("momentum", "momentum", torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}, {"lr": 0.05, "momentum": 0.9}),
    ("momentum weight decay", "momentum", torch.optim.SGD, {"lr": 0.05, "momentum": 0.5, "weight_decay": 0.1},
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
