#pragma once

#include "hessq/core/layout.hpp"
#include "hessq/preconditioners/preconditioner.hpp"

#include <memory>

#pragma GCC visibility push(default)
namespace hessq {

struct ShampooPreconditionerOptions {
    double eps = 1e-4;    ///< L and R start at eps I; greater than 0
    double power = 0.25;  ///< of both matrices, greater than 0; 1/2 is full-matrix Adam's on Kronecker gradients
    Index largest = 1024; ///< a longer side of a layer keeps the diagonal of its matrix alone; at least 1
};

/// For each group of the layout, a matrix with gradient G: P^-1 takes G to L^-power G R^-power with
/// L = eps I + sum_t G_t G_t' and R = eps I + sum_t G_t' G_t. A group with one column is a vector g and has one matrix:
/// (eps I + sum_t g_t g_t')^(-2 power) g, which for power = 1/4 is full-matrix AdaGrad.
///
/// Cost       An eigendecomposition of both matrices a step, 9 (r^3 + c^3) flops for an r x c layer.
/// Throws     std::invalid_argument if the layout is empty or an option is out of range.
/// Source     Gupta, Koren and Singer (2018), arXiv 1802.09568, algorithm 1; for one column its rule for tensors of
///            order 1.
std::unique_ptr<Preconditioner> shampoo_preconditioner(const ParameterLayout& layout,
                                                       const ShampooPreconditionerOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
