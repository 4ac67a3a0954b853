#!/usr/bin/env python3
"""A peer of the benchmark, as a worker for bench/run.py: PyTorch, JAX or curvlinops (with BackPACK), each at its best.

Usage: peers.py torch|jax|curvlinops

Reads one request (a JSON list of words) a line from stdin and answers each with one line of JSON on stdout:

    prepare FOLDER WIDTH...              the case: widths of all layers, arrays as bench/curvature.cpp wrote them
    implementations WORK                 the names of the ways this library has to do it, [] if there is none
    time WORK IMPLEMENTATION REPEATS LIMIT SLICE
                                         wall-clock and processor seconds of one repetition; of a matrix that would take
                                         longer than LIMIT, columns for about SLICE seconds are timed, and `scale` says
                                         by how much their time was multiplied
    check WORK IMPLEMENTATION FILE       computes the work once more and saves it: n x columns, parameters down; the
                                         answer says which columns where these are not all
    versions                             the packages
    quit

Everything that can be kept between repetitions (graphs, linearizations, compiled functions, vectors split into layers)
is prepared outside the timing. Results stay in the library's own layout; only `check` flattens them.
"""

import json
import math
import os
import sys
import time
import warnings

import numpy as np

CHUNKS = (1, 2, 4, 8, 16, 64, 256)
TOP = 10  # eigenvalues of the Lanczos work
LANCZOS_TOLERANCE = 1e-10
PEAK_SIZE = 2048
LARGE = 5000  # parameters beyond which matrices are compared in SHOWN columns, spread over them
SHOWN = 512


class Case:
    """The network and its data."""

    def __init__(self, folder, widths):
        self.folder = folder
        self.widths = widths
        self.inputs = np.ascontiguousarray(np.load(os.path.join(folder, "inputs.npy")))
        self.labels = np.load(os.path.join(folder, "labels.npy")).astype(np.int64).ravel()
        self.theta = np.load(os.path.join(folder, "theta.npy")).ravel()
        # One vector a row: each is contiguous.
        self.vectors = np.ascontiguousarray(np.load(os.path.join(folder, "vectors.npy")).T)
        self.samples = len(self.labels)
        self.n = len(self.theta)

    def block_sizes(self):
        return [k for k in (1, 16, 256) if k <= len(self.vectors)]

    def hessian(self):
        return np.load(os.path.join(self.folder, "hessian.npy"))

    def layers(self, rows):
        """Splits the last axis, as PyTorch orders it, into the weight (out x in) and bias of each layer."""
        pieces, offset = [], 0
        for inputs, outputs in zip(self.widths, self.widths[1:]):
            weight = rows[..., offset : offset + inputs * outputs]
            offset += inputs * outputs
            pieces.append(weight.reshape(*rows.shape[:-1], outputs, inputs))
            pieces.append(rows[..., offset : offset + outputs])
            offset += outputs
        return pieces

    def chunks(self, columns):
        """Sensible numbers of vectors at a time: dividing the columns evenly, and not larger than memory."""
        bytes_a_column = 8 * 8 * self.samples * sum(self.widths[1:])
        sizes = []
        for chunk in CHUNKS:
            if chunk * bytes_a_column > 4e9 and chunk > 1:
                break
            sizes.append(math.ceil(columns / math.ceil(columns / chunk)))
        return sorted(set(sizes))


class Whole:
    """A work that is done in one call."""

    columns = 1

    def __init__(self, call, wait=lambda result: result):
        self.call, self.wait = call, wait

    def run(self, parts):
        return self.wait(self.call())


class Columns:
    """A matrix, or its diagonal, from `chunk` columns at a time. block(start) returns those columns as rows."""

    def __init__(self, n, chunk, block, diagonal=False):
        self.n, self.chunk, self.block, self.diagonal = n, chunk, block, diagonal
        self.columns = math.ceil(n / chunk)

    def starts(self, parts):
        """The first columns of all blocks, the last of which may overlap, or of a few spread over the matrix."""
        last = self.n - self.chunk
        if parts is None or parts >= self.columns:
            return [min(k * self.chunk, last) for k in range(self.columns)]
        return [round(k * last / max(1, parts - 1)) for k in range(parts)]

    def run(self, parts):
        starts = self.starts(parts)
        whole = len(starts) == self.columns
        if self.diagonal:
            result = np.empty((self.n if whole else len(starts) * self.chunk, 1))
            for k, start in enumerate(starts):
                at = start if whole else k * self.chunk
                result[at : at + self.chunk, 0] = np.diagonal(np.asarray(self.block(start)), start)
            return result
        result = np.empty((self.n if whole else len(starts) * self.chunk, self.n))
        for k, start in enumerate(starts):
            at = start if whole else k * self.chunk
            result[at : at + self.chunk] = np.asarray(self.block(start))
        return result


def top_eigenvalues(n, product, dtype=np.float64):
    """ARPACK's implicitly restarted Lanczos on products alone."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    start = np.random.default_rng(0).standard_normal(n)
    operator = LinearOperator((n, n), matvec=product, dtype=dtype)
    values = eigsh(operator, k=TOP, which="LA", tol=LANCZOS_TOLERANCE, v0=start, return_eigenvectors=True)[0]
    return np.sort(values)[::-1]


# --- PyTorch ---------------------------------------------------------------------------------------------------------


class Torch:
    """Plain PyTorch: autograd with the graph kept, and torch.func."""

    packages = ("torch", "numpy", "scipy")
    case = None

    def __init__(self):
        import torch

        self.torch = torch
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        torch.set_default_dtype(torch.float64)

    def prepare(self, case):
        torch = self.torch
        self.case = case
        self.x = torch.from_numpy(case.inputs)
        self.y = torch.from_numpy(case.labels)
        self.parameters = tuple(p.clone().requires_grad_() for p in case.layers(torch.from_numpy(case.theta)))
        self.constants = tuple(p.detach() for p in self.parameters)
        vectors = torch.from_numpy(case.vectors)
        self.blocks = {k: tuple(v.contiguous() for v in case.layers(vectors[:k])) for k in case.block_sizes()}
        self.vector = tuple(v[0].contiguous() for v in self.blocks[1])

    def forward(self, parameters, x):
        torch = self.torch
        for k in range(0, len(parameters), 2):
            if k > 0:
                x = torch.tanh(x)
            x = torch.nn.functional.linear(x, parameters[k], parameters[k + 1])
        return x

    def loss(self, parameters, x, y):
        return self.torch.nn.functional.cross_entropy(self.forward(parameters, x), y)

    def gradient_function(self):
        grad = self.torch.func.grad(self.loss)
        return lambda parameters: grad(parameters, self.x, self.y)

    # Products with the Hessian: name -> (one vector, block of vectors), in layers.

    def kept_graph(self):
        torch = self.torch
        gradient = torch.autograd.grad(self.loss(self.parameters, self.x, self.y), self.parameters, create_graph=True)

        def one(v):
            return torch.autograd.grad(gradient, self.parameters, v, retain_graph=True)

        def block(v):
            return torch.autograd.grad(gradient, self.parameters, v, retain_graph=True, is_grads_batched=True)

        return one, block

    def linearized(self):
        _, one = self.torch.func.linearize(self.gradient_function(), self.constants)
        return (lambda v: one(v)), self.torch.func.vmap(lambda v: one(v))

    def forward_over_reverse(self):
        gradient = self.gradient_function()

        def one(v):
            return self.torch.func.jvp(gradient, (self.constants,), (v,))[1]

        return one, self.torch.func.vmap(one)

    def compiled(self):
        one, _ = self.forward_over_reverse()
        return self.torch.compile(one), self.torch.compile(self.torch.func.vmap(one))

    def hessian_products(self):
        return {
            "double backward, graph kept": self.kept_graph,
            "torch.func.linearize of grad": self.linearized,
            "jvp of grad": self.forward_over_reverse,
            "torch.compile of jvp of grad": self.compiled,
        }

    # Products with the Gauss-Newton matrix.

    def output_product(self):
        torch = self.torch
        p = torch.softmax(self.forward(self.constants, self.x), 1)
        return lambda t: p * (t - (p * t).sum(-1, keepdim=True)) / self.case.samples

    def kept_gauss_newton(self):
        torch = self.torch
        outputs = self.forward(self.parameters, self.x)
        dual = torch.zeros_like(outputs, requires_grad=True)
        pulled = torch.autograd.grad(outputs, self.parameters, dual, create_graph=True)
        hessian = self.output_product()

        def product(batched):
            def call(v):
                (t,) = torch.autograd.grad(pulled, dual, v, retain_graph=True, is_grads_batched=batched)
                return torch.autograd.grad(
                    outputs, self.parameters, hessian(t), retain_graph=True, is_grads_batched=batched
                )

            return call

        return product(False), product(True)

    def linearized_gauss_newton(self):
        func = self.torch.func
        _, push = func.linearize(lambda p: self.forward(p, self.x), self.constants)
        _, pull = func.vjp(lambda p: self.forward(p, self.x), self.constants)
        hessian = self.output_product()

        def one(v):
            return pull(hessian(push(v)))[0]

        return one, func.vmap(one)

    def gauss_newton_products(self):
        return {
            "double backward, graph kept": self.kept_gauss_newton,
            "torch.func.linearize and vjp": self.linearized_gauss_newton,
        }

    # Gradients of single samples, samples first.

    def sample_gradients(self, chunk):
        func = self.torch.func

        def loss(parameters, x, y):
            return self.loss(parameters, x[None], y[None])

        mapped = func.vmap(func.grad(loss), in_dims=(None, 0, 0), chunk_size=chunk)
        return lambda: mapped(self.constants, self.x, self.y)

    def outer_products(self):
        """delta_l(s) a_l(s)' from one backward pass, as a user who knows the layers would write it."""
        torch = self.torch

        def call():
            a, z = [self.x], []
            for k in range(0, len(self.constants), 2):
                z.append(torch.nn.functional.linear(a[-1], *self.parameters[k : k + 2]))
                a.append(torch.tanh(z[-1]))
            loss = torch.nn.functional.cross_entropy(z[-1], self.y, reduction="sum")
            deltas = torch.autograd.grad(loss, z)
            result = []
            for input_, delta in zip(a, deltas):
                result += [delta[:, :, None] * input_.detach()[:, None, :], delta]
            return result

        return call

    def gradients_of_samples(self):
        choices = {"outer products of layers": self.outer_products}
        for chunk in (None, 256) if self.case.n <= LARGE else ():
            choices[f"vmap of grad, {f'chunks of {chunk}' if chunk else 'all samples'}"] = lambda chunk=chunk: self.sample_gradients(chunk)
        return choices

    def covariance(self, gradients):
        torch = self.torch

        def call():
            rows = torch.cat([g.reshape(self.case.samples, -1) for g in gradients()], 1)
            rows -= rows.mean(0)
            return rows.T @ rows / self.case.samples

        return call

    # The interface of a worker.

    def unit_block(self, chunk, one, block):
        torch = self.torch

        def call(start):
            v = torch.zeros(chunk, self.case.n)
            v[torch.arange(chunk), torch.arange(start, start + chunk)] = 1.0
            if chunk == 1:
                return torch.cat([r.ravel() for r in one(tuple(self.case.layers(v[0])))])[None].detach()
            return torch.cat([r.reshape(chunk, -1) for r in block(tuple(self.case.layers(v)))], 1).detach()

        return call

    def in_chunks(self, blocks, chunk, block):
        parts = list(zip(*(b.split(chunk) for b in blocks)))
        if len(parts) == 1:
            return lambda: block(blocks)
        return lambda: [self.torch.cat(r) for r in zip(*(block(p) for p in parts))]

    def choices(self, work):
        """name -> function that prepares a Whole or Columns."""
        torch, case = self.torch, self.case
        result = {}
        if work == "gradient":

            def gradient():
                return torch.autograd.grad(self.loss(self.parameters, self.x, self.y), self.parameters)

            def value_and_grad():
                return torch.func.grad_and_value(self.loss)(self.constants, self.x, self.y)[0]

            result["autograd"] = lambda: Whole(gradient)
            result["torch.func.grad_and_value"] = lambda: Whole(value_and_grad)
        elif work in ("product", "gauss_newton"):
            products = self.hessian_products() if work == "product" else self.gauss_newton_products()
            for name, make in products.items():

                def prepare(make=make):
                    one, _ = make()
                    return Whole(lambda: one(self.vector))

                result[name] = prepare
        elif work in ("products_16", "products_256", "gauss_newton_16"):
            products = self.hessian_products() if work.startswith("products") else self.gauss_newton_products()
            columns = int(work.split("_")[-1])
            for name, make in products.items():
                if "compile" in name:
                    continue
                for chunk in case.chunks(columns):

                    def prepare(make=make, chunk=chunk):
                        one, block = make()
                        if chunk == 1:
                            vectors = list(zip(*self.blocks[columns]))
                            return Whole(lambda: [torch.stack(r) for r in zip(*map(one, vectors))])
                        return Whole(self.in_chunks(self.blocks[columns], chunk, block))

                    result[f"{name}, {chunk} at a time"] = prepare
        elif work in ("hessian", "diagonal", "gauss_newton_matrix"):
            products = self.gauss_newton_products() if work == "gauss_newton_matrix" else self.hessian_products()
            for name, make in products.items():
                if "compile" in name:
                    continue
                for chunk in case.chunks(case.n):
                    result[f"{name}, {chunk} at a time"] = lambda make=make, chunk=chunk: Columns(
                        case.n, chunk, self.unit_block(chunk, *make()), work == "diagonal"
                    )
        elif work == "per_sample_gradients":
            for name, make in self.gradients_of_samples().items():
                result[name] = lambda make=make: Whole(make())
        elif work == "covariance":
            for name, make in self.gradients_of_samples().items():
                result[name] = lambda make=make: Whole(self.covariance(make()))
        elif work == "eigen":

            def prepare():
                hessian = torch.from_numpy(case.hessian())
                return Whole(lambda: torch.linalg.eigh(hessian))

            result["torch.linalg.eigh"] = prepare
        elif work == "lanczos":
            for name, make in self.hessian_products().items():
                if "compile" in name:
                    continue

                def prepare(make=make):
                    one, _ = make()

                    def product(v):
                        pieces = tuple(case.layers(torch.from_numpy(np.ascontiguousarray(v.ravel()))))
                        return torch.cat([r.ravel() for r in one(pieces)]).detach().numpy()

                    return Whole(lambda: top_eigenvalues(case.n, product))

                result[f"scipy eigsh on {name}"] = prepare
        elif work == "peak":

            def prepare():
                a, b = torch.rand(PEAK_SIZE, PEAK_SIZE), torch.rand(PEAK_SIZE, PEAK_SIZE)
                return Whole(lambda: a @ b)

            result["torch.matmul"] = prepare
        return result

    def array(self, work, result):
        if isinstance(result, np.ndarray):
            return result
        if work == "eigen":
            return result[0].numpy()
        if isinstance(result, self.torch.Tensor):
            return result.numpy()
        lead = {"gradient": 1, "product": 1, "gauss_newton": 1}.get(work)
        rows = [r.detach().reshape(lead or r.shape[0], -1) for r in result]
        return self.torch.cat(rows, 1).numpy().T


# --- curvlinops and BackPACK -----------------------------------------------------------------------------------------


class Curvlinops(Torch):
    """curvlinops' linear operators, and BackPACK, on which it builds, where that has the quantity."""

    packages = ("curvlinops-for-pytorch", "backpack-for-pytorch", "torch", "scipy")

    def __init__(self):
        super().__init__()
        import backpack
        import curvlinops

        self.backpack, self.curvlinops = backpack, curvlinops

    def prepare(self, case):
        super().prepare(case)
        self.vectors = self.torch.from_numpy(case.vectors)

    def model(self):
        """A network of its own for each use: BackPACK leaves hooks that curvlinops cannot differentiate."""
        nn = self.torch.nn
        modules = []
        for inputs, outputs in zip(self.case.widths, self.case.widths[1:]):
            modules += [nn.Linear(inputs, outputs), nn.Tanh()]
        model = nn.Sequential(*modules[:-1])
        with self.torch.no_grad():
            for p, value in zip(model.parameters(), self.constants):
                p.copy_(value)
        return model

    def operator(self, kind):
        model = self.model()
        return kind(
            model,
            self.torch.nn.CrossEntropyLoss(),
            list(model.parameters()),
            [(self.x, self.y)],
            check_deterministic=False,
        )

    def backpack_quantity(self, extension, field, reduction):
        """One backward pass with a BackPACK extension; the field it leaves at the parameters."""
        model = self.backpack.extend(self.model())
        loss_function = self.backpack.extend(self.torch.nn.CrossEntropyLoss(reduction=reduction))

        def call():
            model.zero_grad()
            loss = loss_function(model(self.x), self.y)
            with self.backpack.backpack(extension()):
                loss.backward()
            return [getattr(p, field) for p in model.parameters()]

        return call

    def choices(self, work):
        case, extensions = self.case, self.backpack.extensions
        hessian, gauss_newton = self.curvlinops.HessianLinearOperator, self.curvlinops.GGNLinearOperator
        result = {}
        if work in ("product", "gauss_newton", "products_16", "products_256", "gauss_newton_16"):
            kind = gauss_newton if work.startswith("gauss_newton") else hessian
            columns = int(work.split("_")[-1]) if work[-1].isdigit() else 1
            for chunk in case.chunks(columns):

                def prepare(chunk=chunk):
                    operator = self.operator(kind)
                    parts = [v.T.contiguous() for v in self.vectors[:columns].split(chunk)]
                    if columns == 1:
                        return Whole(lambda: operator @ self.vectors[0])
                    return Whole(lambda: self.torch.cat([operator @ p for p in parts], 1))

                result[f"{kind.__name__}, {chunk} at a time"] = prepare
        elif work in ("hessian", "diagonal", "gauss_newton_matrix"):
            kind = gauss_newton if work == "gauss_newton_matrix" else hessian
            for chunk in case.chunks(case.n):

                def prepare(chunk=chunk):
                    operator = self.operator(kind)

                    def block(start):
                        v = self.torch.zeros(case.n, chunk)
                        v[self.torch.arange(start, start + chunk), self.torch.arange(chunk)] = 1.0
                        return (operator @ v).T.detach()

                    return Columns(case.n, chunk, block, work == "diagonal")

                if chunk > 1:
                    result[f"{kind.__name__}, {chunk} at a time"] = prepare
            if work == "diagonal":
                result["BackPACK DiagHessian"] = lambda: Whole(
                    self.backpack_quantity(extensions.DiagHessian, "diag_h", "mean")
                )
        elif work == "per_sample_gradients":
            result["BackPACK BatchGrad"] = lambda: Whole(
                self.backpack_quantity(extensions.BatchGrad, "grad_batch", "sum")
            )
        elif work == "covariance":
            result["BackPACK BatchGrad"] = lambda: Whole(
                self.covariance(self.backpack_quantity(extensions.BatchGrad, "grad_batch", "sum"))
            )
        elif work == "lanczos":

            def prepare():
                operator = self.operator(hessian).to_scipy()
                return Whole(lambda: top_eigenvalues(case.n, operator.matvec))

            result["scipy eigsh on HessianLinearOperator"] = prepare
        return result

    def array(self, work, result):
        if work == "diagonal" and not isinstance(result, np.ndarray):
            return self.torch.cat([r.ravel() for r in result])[None].numpy()
        if isinstance(result, self.torch.Tensor):
            return result.detach().numpy()
        return super().array(work, result)


# --- JAX -------------------------------------------------------------------------------------------------------------


class Jax:
    """JAX: everything compiled, and warm when it is timed."""

    packages = ("jax", "jaxlib", "numpy", "scipy")
    case = None

    def __init__(self):
        import jax

        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_platforms", "cpu")
        self.jax, self.jnp = jax, jax.numpy

    def prepare(self, case):
        jnp = self.jnp
        self.case = case
        self.x, self.y = jnp.asarray(case.inputs), jnp.asarray(case.labels)
        self.data = (self.x, self.y)
        self.parameters = tuple(jnp.asarray(p) for p in case.layers(case.theta))
        self.blocks = {k: tuple(jnp.asarray(v) for v in case.layers(case.vectors[:k])) for k in case.block_sizes()}
        self.vector = tuple(v[0] for v in self.blocks[1])

    def wait(self, result):
        return self.jax.block_until_ready(result)

    def forward(self, parameters, x):
        for k in range(0, len(parameters), 2):
            if k > 0:
                x = self.jnp.tanh(x)
            x = x @ parameters[k].T + parameters[k + 1]
        return x

    def loss(self, parameters, x, y):
        z = self.forward(parameters, x)
        picked = self.jnp.take_along_axis(z, y[:, None], 1)[:, 0]
        return (self.jax.nn.logsumexp(z, axis=1) - picked).mean()

    # Products: name -> function that returns (product of one vector, constants), product(v, *constants).

    def linearized(self, function):
        _, tangent = self.jax.linearize(function, self.parameters)
        return self.jax.closure_convert(tangent, self.vector)

    def linearized_hessian(self):
        return self.linearized(lambda p: self.jax.grad(self.loss)(p, *self.data))

    def forward_over_reverse(self):
        jax = self.jax

        def product(v, p, x, y):
            return jax.jvp(lambda q: jax.grad(self.loss)(q, x, y), (p,), (v,))[1]

        return product, (self.parameters, *self.data)

    def reverse_over_reverse(self):
        jax = self.jax

        def product(v, p, x, y):
            return jax.vjp(lambda q: jax.grad(self.loss)(q, x, y), p)[1](v)[0]

        return product, (self.parameters, *self.data)

    def hessian_products(self):
        return {
            "jax.linearize of grad": self.linearized_hessian,
            "jvp of grad": self.forward_over_reverse,
            "vjp of grad": self.reverse_over_reverse,
        }

    def linearized_gauss_newton(self):
        jax, jnp = self.jax, self.jnp
        push, kept = self.linearized(lambda p: self.forward(p, self.x))
        z, pull = jax.vjp(lambda p: self.forward(p, self.x), self.parameters)
        pull, pulled = jax.closure_convert(lambda u: pull(u)[0], z)
        p = jax.nn.softmax(z, axis=1)

        def product(v, p, kept, pulled):
            t = push(v, *kept)
            return pull(p * (t - (p * t).sum(1, keepdims=True)) / self.case.samples, *pulled)

        return product, (p, kept, pulled)

    def recomputed_gauss_newton(self):
        jax = self.jax

        def product(v, q, x):
            z, t = jax.jvp(lambda r: self.forward(r, x), (q,), (v,))
            p = jax.nn.softmax(z, axis=1)
            pull = jax.vjp(lambda r: self.forward(r, x), q)[1]
            return pull(p * (t - (p * t).sum(1, keepdims=True)) / self.case.samples)[0]

        return product, (self.parameters, self.x)

    def gauss_newton_products(self):
        return {"linearize and vjp": self.linearized_gauss_newton, "jvp and vjp": self.recomputed_gauss_newton}

    def compiled(self, function, *arguments):
        """Compiled and warm; the result is awaited."""
        call = self.jax.jit(function)
        self.wait(call(*arguments))
        return lambda: call(*arguments)

    def mapped(self, product, vectors, count, chunk):
        """Products with `count` vectors, `chunk` at a time."""
        if chunk == count:
            return self.jax.vmap(product)(vectors)
        return self.jax.lax.map(product, vectors, batch_size=chunk if chunk > 1 else None)

    def flat(self, pieces, rows):
        return self.jnp.concatenate([p.reshape(rows, -1) for p in pieces], 1)

    def gradients_of_samples(self, chunk):
        jax = self.jax

        def one(p, x, y):
            return jax.grad(self.loss)(p, x[None], y[None])

        if chunk is None:
            return lambda p, x, y: jax.vmap(one, (None, 0, 0))(p, x, y)
        return lambda p, x, y: jax.lax.map(lambda s: one(p, *s), (x, y), batch_size=chunk)

    def sample_choices(self):
        choices = {"outer products of layers": self.outer_products}
        if self.case.n <= LARGE:
            choices["vmap of grad, all samples"] = self.gradients_of_samples(None)
            choices["vmap of grad, chunks of 256"] = self.gradients_of_samples(256)
        return choices

    def outer_products(self, p, x, y):
        """delta_l(s) a_l(s)' from one backward pass, as a user who knows the layers would write it."""
        jax, jnp = self.jax, self.jnp
        inputs = [x]
        for k in range(0, len(p) - 2, 2):
            inputs.append(jnp.tanh(inputs[-1] @ p[k].T + p[k + 1]))
        delta = jax.nn.softmax(inputs[-1] @ p[-2].T + p[-1], axis=1) - jax.nn.one_hot(y, p[-1].shape[0])
        pieces = []
        for k in range(len(p) - 2, -1, -2):
            a = inputs[k // 2]
            pieces = [delta[:, :, None] * a[:, None, :], delta] + pieces
            delta = (delta @ p[k]) * (1.0 - a * a)
        return pieces

    def choices(self, work):
        jax, jnp, case = self.jax, self.jnp, self.case
        result = {}
        if work == "gradient":
            result["jit of value_and_grad"] = lambda: Whole(
                self.compiled(jax.value_and_grad(self.loss), self.parameters, *self.data), self.wait
            )
        elif work in ("product", "gauss_newton"):
            products = self.hessian_products() if work == "product" else self.gauss_newton_products()
            for name, make in products.items():

                def prepare(make=make):
                    product, kept = make()
                    return Whole(self.compiled(lambda v, *k: product(v, *k), self.vector, *kept), self.wait)

                result[name] = prepare
        elif work in ("products_16", "products_256", "gauss_newton_16"):
            products = self.hessian_products() if work.startswith("products") else self.gauss_newton_products()
            columns = int(work.split("_")[-1])
            for name, make in products.items():
                for chunk in case.chunks(columns):

                    def prepare(make=make, chunk=chunk):
                        product, kept = make()

                        def block(v, *k):
                            return self.mapped(lambda u: product(u, *k), v, columns, chunk)

                        return Whole(self.compiled(block, self.blocks[columns], *kept), self.wait)

                    result[f"{name}, {chunk} at a time"] = prepare
        elif work in ("hessian", "diagonal", "gauss_newton_matrix"):
            products = self.gauss_newton_products() if work == "gauss_newton_matrix" else self.hessian_products()
            for name, make in products.items():
                for chunk in case.chunks(case.n):

                    def prepare(make=make, chunk=chunk):
                        product, kept = make()
                        # One compiled call makes many columns, `chunk` of them at a time.
                        rows = chunk * max(1, min(256, case.n) // chunk)

                        def block(start, *k):
                            v = (jnp.arange(case.n)[None, :] == start + jnp.arange(rows)[:, None]).astype(float)
                            v = tuple(case.layers(v))
                            return self.flat(self.mapped(lambda u: product(u, *k), v, rows, chunk), rows)

                        call = jax.jit(block)
                        self.wait(call(0, *kept))
                        return Columns(case.n, rows, lambda start: call(start, *kept), work == "diagonal")

                    result[f"{name}, {chunk} at a time"] = prepare
            if work == "hessian" and case.n <= 5000:

                def prepare():
                    def whole(theta, x, y):
                        return jax.hessian(lambda t: self.loss(tuple(case.layers(t)), x, y))(theta)

                    return Whole(self.compiled(whole, jnp.asarray(case.theta), *self.data), self.wait)

                result["jit of jax.hessian"] = prepare
        elif work == "per_sample_gradients":
            for name, function in self.sample_choices().items():
                result[name] = lambda function=function: Whole(
                    self.compiled(function, self.parameters, *self.data), self.wait
                )
        elif work == "covariance":
            for name, function in self.sample_choices().items():

                def prepare(function=function):
                    def covariance(*arguments):
                        rows = self.flat(function(*arguments), case.samples)
                        rows -= rows.mean(0)
                        return rows.T @ rows / case.samples

                    return Whole(self.compiled(covariance, self.parameters, *self.data), self.wait)

                result[name] = prepare
        elif work == "eigen":
            result["jnp.linalg.eigh"] = lambda: Whole(
                self.compiled(jnp.linalg.eigh, jnp.asarray(case.hessian())), self.wait
            )
        elif work == "lanczos":
            for name, make in self.hessian_products().items():

                def prepare(make=make):
                    product, kept = make()
                    call = jax.jit(
                        lambda v, *k: jnp.concatenate([r.ravel() for r in product(tuple(case.layers(v)), *k)])
                    )
                    return Whole(lambda: top_eigenvalues(case.n, lambda v: np.asarray(call(v.ravel(), *kept))))

                result[f"scipy eigsh on {name}"] = prepare
        elif work == "peak":

            def prepare():
                a, b = (jax.random.uniform(jax.random.key(s), (PEAK_SIZE, PEAK_SIZE)) for s in (0, 1))
                return Whole(self.compiled(jnp.matmul, a, b), self.wait)

            result["jnp.matmul"] = prepare
        return result

    def array(self, work, result):
        if isinstance(result, np.ndarray):
            return result
        if work == "gradient":
            result = result[1]
        if work == "eigen":
            return np.asarray(result[0])
        if not isinstance(result, (tuple, list)):
            return np.asarray(result)
        lead = {"gradient": 1, "product": 1, "gauss_newton": 1}.get(work)
        return np.concatenate([np.asarray(r).reshape(lead or r.shape[0], -1) for r in result], 1).T


# --- the worker ------------------------------------------------------------------------------------------------------


class Worker:
    def __init__(self, library):
        self.peer = library
        self.prepared_name = self.prepared = None
        self.estimate = 0.0  # seconds of the whole prepared task

    def prepared_task(self, work, implementation):
        """One task at a time is kept, so that no two hold their graphs."""
        if self.prepared_name != (work, implementation):
            self.prepared_name = self.prepared = None
            self.prepared = self.peer.choices(work)[implementation]()
            self.prepared_name = (work, implementation)
        return self.prepared

    def answer(self, words):
        request, words = words[0], words[1:]
        if request == "prepare":
            self.prepared_name = self.prepared = None
            self.peer.prepare(Case(words[0], [int(w) for w in words[1:]]))
            return {}
        if request == "implementations":
            return {"implementations": list(self.peer.choices(words[0]))}
        if request == "time":
            work, implementation, repeats = words[0], words[1], int(words[2])
            limit, slice_ = map(float, words[3:])
            new = self.prepared_name != (work, implementation)
            task = self.prepared_task(work, implementation)
            if new and task.columns == 1:
                task.run(None)  # warm
            parts = None
            if task.columns > 1:
                if new:
                    task.run(1)
                    begin = time.perf_counter()
                    task.run(2)
                    self.estimate = (time.perf_counter() - begin) / 2 * task.columns
                if self.estimate > limit:
                    parts = max(2, int(task.columns * slice_ / self.estimate))
            scale = (1.0 if parts is None else task.columns / parts) / repeats
            begin, begin_cpu = time.perf_counter(), time.process_time()
            for _ in range(repeats):
                task.run(parts)
            seconds, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
            return {"seconds": seconds * scale, "cpu": cpu * scale, "scale": scale * repeats}
        if request == "check":
            work, implementation, path = words
            task = self.prepared_task(work, implementation)
            by_columns, large = isinstance(task, Columns), self.peer.case.n > LARGE
            parts = min(task.columns, math.ceil(SHOWN / task.chunk)) if by_columns and large else None
            result = self.peer.array(work, task.run(parts))
            columns = []
            if by_columns:
                result = result.T
                if parts is not None and parts < task.columns:
                    columns = [(start, task.chunk) for start in task.starts(parts)]
            elif large and result.ndim == 2 and result.shape[0] == result.shape[1]:
                width = SHOWN // 8
                columns = [(round(k * (result.shape[1] - width) / 7), width) for k in range(8)]
                result = np.concatenate([result[:, first : first + width] for first, _ in columns], 1)
            np.save(path, result)
            return {"columns": columns}
        if request == "versions":
            from importlib.metadata import version

            return {"versions": {p: version(p) for p in self.peer.packages}}
        raise ValueError(f"unknown request {request}")


def main():
    libraries = {"torch": Torch, "jax": Jax, "curvlinops": Curvlinops}
    if len(sys.argv) != 2 or sys.argv[1] not in libraries:
        sys.exit(__doc__)
    # Whatever the libraries print must not reach the protocol.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    worker = Worker(libraries[sys.argv[1]]())
    for line in sys.stdin:
        words = json.loads(line)
        if words == ["quit"]:
            break
        try:
            reply = worker.answer(words)
        except Exception as error:  # an implementation that cannot do the work must not end the others
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:500]}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
