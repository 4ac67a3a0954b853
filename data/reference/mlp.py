"""Losses and derivatives of small networks by PyTorch's automatic differentiation, in double precision.

Writes mlp.json and theta.npy beside this file. Run: python3 data/reference/mlp.py DIGITS.csv
(digits: a header line, 64 pixels 0 to 16, then the digit). Needs torch 2.13.0 and numpy.

Nothing here is shared with hessq: networks are torch.nn.Sequential, losses torch.nn.functional, first and second
derivatives torch.autograd and torch.func. Symmetric matrices are stored as their lower triangle, row by row.
"""

import json
import pathlib
import sys

import numpy
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parameters_to_vector, vector_to_parameters

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
folder = pathlib.Path(__file__).parent

modules = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "softplus": nn.Softplus, "gelu": nn.GELU, "relu": nn.ReLU,
           "identity": nn.Identity}
sample_losses = {  # of one sample: outputs f, target y
    "squared": lambda f, y: 0.5 * (f - y).square().sum(),
    "cross_entropy": lambda f, y: functional.cross_entropy(f, y),
    "logistic": lambda f, y: functional.binary_cross_entropy_with_logits(f[0], y.to(f.dtype)),
}


def network(widths, activation):
    layers = []
    for inputs, outputs in zip(widths[:-1], widths[1:]):
        layers += [nn.Linear(inputs, outputs), modules[activation]()]
    return nn.Sequential(*layers[:-1])


def flat_model(net):
    """outputs(theta, x) of the network whose parameters are the flat vector theta."""
    shapes = [(name, p.shape, p.numel()) for name, p in net.named_parameters()]

    def outputs(theta, x):
        pieces = theta.split([size for _, _, size in shapes])
        parameters = {name: piece.view(shape) for (name, shape, _), piece in zip(shapes, pieces)}
        return torch.func.functional_call(net, parameters, (x,))

    return outputs


def lower_triangle(matrix):
    assert (matrix - matrix.T).abs().max() <= 1e-13 * matrix.abs().max()
    return [row[:i + 1] for i, row in enumerate(matrix.tolist())]


def case(name, data_name, data, widths, activation, loss_name, l2, full, theta=None):
    x, y = data
    net = network(widths, activation)
    if theta is not None:
        vector_to_parameters(theta, net.parameters())
    theta = parameters_to_vector(net.parameters()).detach()
    outputs = flat_model(net)
    sample_loss = sample_losses[loss_name]

    def loss(theta, indices):
        losses = [sample_loss(outputs(theta, x[i]), y[i]) for i in indices]
        return torch.stack(losses).mean() + 0.5 * l2 * theta.square().sum()

    def hessian(indices):
        return torch.func.hessian(lambda t: loss(t, indices))(theta)

    def gradient(indices):
        return torch.func.grad(lambda t: loss(t, indices))(theta)

    everything = list(range(len(x)))
    gauss_newton = l2 * torch.eye(len(theta))
    for i in everything:
        jacobian = torch.func.jacrev(lambda t: outputs(t, x[i]))(theta)
        curvature = torch.func.hessian(lambda f: sample_loss(f, y[i]))(outputs(theta, x[i]))
        gauss_newton += jacobian.T @ curvature @ jacobian / len(x)

    h = hessian(everything)
    block = torch.randn(3, len(theta)).round(decimals=2)
    result = {
        "name": name, "data": data_name, "hidden": widths[1:-1], "activation": activation, "loss": loss_name,
        "l2": l2, "theta": theta.tolist(),
        "value": loss(theta, everything).item(), "gradient": gradient(everything).tolist(),
        "block": block.tolist(), "hessian_block": (block @ h).tolist(),
        "gauss_newton_block": (block @ gauss_newton).tolist(),
        "gauss_newton_diagonal": gauss_newton.diagonal().tolist(),
    }
    if full:
        batch = [len(x) - 1, 0, 2, 0, 3, 0]
        result |= {
            "predictions": outputs(theta, x).tolist(),
            "per_sample_gradients": [gradient([i]).tolist() for i in everything],
            "hessian": lower_triangle(h), "gauss_newton": lower_triangle(gauss_newton),
            "batch": {"indices": batch, "value": loss(theta, batch).item(), "gradient": gradient(batch).tolist(),
                      "hessian_block": (block @ hessian(batch)).tolist()},
        }
    return result


def small_cases():
    def inputs(samples, features):
        return torch.randn(samples, features).round(decimals=2)

    data = {
        "squared": (inputs(6, 4), torch.randn(6, 2).round(decimals=2)),
        "cross_entropy": (inputs(7, 4), torch.tensor([0, 0, 2, 0, 1, 0, 2])),  # a class with a single sample
        "logistic": (inputs(6, 3), torch.tensor([1, 1, 1, 0, 1, 1])),
    }
    shapes = {"squared": lambda hidden: [4, *hidden, 2], "cross_entropy": lambda hidden: [4, *hidden, 3],
              "logistic": lambda hidden: [3, *hidden, 1]}
    cases = []
    for loss in data:
        for l2 in (0.0, 0.3):
            cases.append(case(f"linear {loss} l2={l2}", loss, data[loss], shapes[loss]([]), "identity", loss, l2, True))
    for a, activation in enumerate(modules):
        for h, hidden in enumerate(([3], [3, 2], [2, 3, 2])):
            for k, loss in enumerate(data):
                # Every pair of these three choices occurs with all matrices stored, and with and without a penalty.
                full = (a + h + k) % 3 == 0
                l2 = 0.3 if (a + h) % 2 else 0.0
                cases.append(case(f"{activation} {hidden} {loss} l2={l2}", loss, data[loss], shapes[loss](hidden),
                                  activation, loss, l2, full))
    # Every hidden unit exactly on the kink of relu.
    cases.append(case("relu at zero", "squared", data["squared"], [4, 3, 2], "relu", "squared", 0.0, True,
                      torch.zeros(23)))
    stored = {name: {"inputs": x.tolist(), "targets": y.tolist()} for name, (x, y) in data.items()}
    return stored, cases


def digits_case(path):
    table = torch.tensor(numpy.loadtxt(path, delimiter=",", skiprows=1))
    x, y = table[:, :64] / 16.0, table[:, 64].long()
    outputs = flat_model(network([64, 32, 10], "tanh"))
    index = torch.arange(2410, dtype=torch.float64)
    theta = 0.1 * torch.sin(1.0 + index)

    def loss(theta):
        return functional.cross_entropy(outputs(theta, x), y)

    gradient = torch.func.grad(loss)
    product = torch.func.vmap(lambda v: torch.func.jvp(gradient, (theta,), (v,))[1])
    h = torch.cat([product(rows) for rows in torch.eye(2410).split(64)])
    h = 0.5 * (h + h.T)
    eigenvalues = torch.linalg.eigvalsh(h)
    g = gradient(theta)
    return {
        "inputs": "pixels / 16", "hidden": [32], "activation": "tanh", "loss": "cross_entropy", "l2": 0.0,
        "theta": "0.1 * sin(1 + i), i = 0, ..., 2409", "vector": "cos(i), i = 0, ..., 2409",
        "value": loss(theta).item(), "gradient_norm": g.norm().item(),
        "gradient_first": g[:5].tolist(), "gradient_last": g[-5:].tolist(),
        "hessian_trace": h.trace().item(), "hessian_norm": h.norm().item(),
        "hessian_diagonal_norm": h.diagonal().norm().item(), "hessian_vector_norm": (h @ torch.cos(index)).norm().item(),
        "curvature_along_vector": (torch.cos(index) @ h @ torch.cos(index)).item(),
        "eigenvalues_smallest": eigenvalues[:5].tolist(), "eigenvalues_largest": eigenvalues[-5:].tolist(),
    }


torch.manual_seed(20240607)
data, cases = small_cases()
reference = {
    "command": "python3 data/reference/mlp.py data/digits.csv", "torch": torch.__version__.split("+")[0],
    "tolerance": 1e-12, "theta.npy": "gelu [3, 2] cross_entropy l2=0.0", "data": data, "cases": cases, "digits": digits_case(sys.argv[1]),
}
(folder / "mlp.json").write_text(json.dumps(reference, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n")
written = next(c for c in cases if c["name"] == reference["theta.npy"])
numpy.save(folder / "theta.npy", numpy.array(written["theta"]))
