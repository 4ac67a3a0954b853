#pragma once

#include "hessq/core/layout.hpp"
#include "hessq/core/types.hpp"

#include <functional>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

// A weight W is out x in and stored row by row, as PyTorch does: parameter i * in + j is W_ij, and a gradient g is the
// matrix G with the same numbering. A matrix A over these parameters has entries A_(ij),(kl), and the Kronecker product
// is (L (x) R)_(ij),(kl) = L_ik R_jl with L out x out and R in x in: for G = d a' it is gg' = dd' (x) aa'.

/// A symmetric matrix over the parameters of one weight, as the linear map between factors that Van Loan and Pitsianis
/// rearrange it into: its best approximation by one Kronecker product is the best of rank one.
struct KroneckerMap {
    Index rows = 0, cols = 0; ///< out and in
    /// R to the matrix with entries sum_jl A_(ij),(kl) R_jl.
    std::function<Matrix(MatrixView)> to_left = nullptr;
    /// L to the matrix with entries sum_ik A_(ij),(kl) L_ik.
    std::function<Matrix(MatrixView)> to_right = nullptr;
    double squared_norm = 0.0; ///< |A|_F^2
    bool semidefinite = false; ///< whether A is known to be positive semidefinite
};

/// A = (1/m) sum_s g_s g_s' of per-sample gradients, one a column, without forming it: to_left(R) is the mean of
/// G_s R G_s'. With the data's labels this is the weight's block of E[gg'], uncentered; with sampled labels that of the
/// Fisher matrix.
///
/// Shapes     gradients is (rows * cols) x m: middleRows of FiniteSumObjective::per_sample_gradients.
/// Cost       2 m rows cols (rows + cols) flops for a map; keeps the gradients. Its norm takes min(m, n)^2 max(m, n)
///            multiply-adds and min(m, n)^2 doubles, once, with n = rows * cols.
/// Throws     std::invalid_argument unless gradients has rows * cols rows and a column; NumericalError if an entry is
///            not finite.
KroneckerMap gradient_kronecker_map(Matrix gradients, Index rows, Index cols);

/// A = a dense block: of the Hessian (Objective::dense_hessian_block) or of the Gauss-Newton matrix. It is made
/// symmetric, and is not taken to be semidefinite.
///
/// Cost       2 n^2 flops for a map; keeps n^2 doubles.
/// Throws     std::invalid_argument unless the block is (rows * cols) x (rows * cols); NumericalError if an
///            entry is not finite.
KroneckerMap dense_kronecker_map(MatrixView block, Index rows, Index cols);

/// The parameters of a layer with its bias as one matrix, out x (in + 1), the bias the last column, row by row: entry
/// i * (in + 1) + j is a parameter. gradients(indices, all) and hessian(indices, indices) then have the numbering that
/// the maps above expect.
///
/// Throws     std::invalid_argument unless the bias has one column and as many rows as the weight.
std::vector<Index> weight_and_bias(const ParameterGroup& weight, const ParameterGroup& bias);

/// L (x) R in the place of A.
struct KroneckerFit {
    Matrix left, right;
    double error = 0.0;  ///< |A - L (x) R|_F, to about 1e-8 |A|
    double cosine = 0.0; ///< <A, L (x) R> / (|A| |L (x) R|); NaN if one of them is zero
    Index iterations = 0;
    bool converged = true;
};

/// How good given factors are: |A - L (x) R|^2 = |A|^2 - 2 <L, to_left(R)> + |L|^2 |R|^2.
///
/// Throws     std::invalid_argument if the shapes differ.
[[nodiscard]] KroneckerFit kronecker_fit(const KroneckerMap& a, Matrix left, Matrix right);

struct NearestKroneckerOptions {
    double tolerance = 1e-12;    ///< on the change of R / |R| in a step, above 0
    Index max_iterations = 1000; ///< at least 1
};

/// The L (x) R nearest to A, by alternating least squares from R = I, which is the power iteration on the rearranged
/// matrix:
///
///     L <- to_left(R) / |R|^2,   R <- to_right(L) / |L|^2.
///
/// The first L is E[GG'] / in: Shampoo's, up to a factor. For a semidefinite A every step keeps L and R semidefinite,
/// and the iteration leads to the largest singular value sigma_1; the error is then sqrt(|A|^2 - sigma_1^2), and no
/// Kronecker product does better. For other A a second, random start is tried too and the better end is taken. |L| =
/// |R|.
///
/// Cost       Two maps a step. Linear convergence, by (sigma_2 / sigma_1)^2 a step.
/// Throws     std::invalid_argument if an option is out of range.
/// Source     Van Loan and Pitsianis (1993), Approximation with Kronecker products; Morwani et al. (2024), arXiv
///            2406.17748.
[[nodiscard]] KroneckerFit nearest_kronecker(const KroneckerMap& a, const NearestKroneckerOptions& options = {});

/// Shampoo's L^(1/2) (x) R^(1/2) with L = to_left(I) = E[GG'], R = to_right(I) = E[G'G]: an upper bound of sum gg' up
/// to its rank, and what Shampoo's L^(1/4) and R^(1/4) are the roots of.
///
/// Throws     std::invalid_argument if A is not marked semidefinite.
/// Source     Gupta, Koren and Singer (2018), arXiv 1802.09568.
[[nodiscard]] KroneckerFit shampoo_kronecker(const KroneckerMap& a);

/// The square of it, L (x) R / tr L: one step of nearest_kronecker towards the optimum from the identity, for each
/// factor.
///
/// Throws     std::invalid_argument if A is not marked semidefinite.
/// Source     Morwani et al. (2024), arXiv 2406.17748.
[[nodiscard]] KroneckerFit shampoo_squared_kronecker(const KroneckerMap& a);

/// K-FAC's E[dd'] (x) E[aa'], where the gradient of sample s is d_s a_s' for the weight and d_s for the bias. Exact
/// where inputs a and output gradients d are independent. A sample with d_s = 0 has an a_s that its gradient does not
/// tell: it counts in E[dd'] alone.
///
/// Shapes     weight is (rows * cols) x m, bias is rows x m.
/// Throws     std::invalid_argument if the shapes differ or a gradient is not d a' to 1e-8 (with a penalty on the
///            weights, or weights that are shared, it is not).
/// Source     Martens and Grosse (2015), arXiv 1503.05671.
[[nodiscard]] KroneckerFit kfac_kronecker(const KroneckerMap& a, MatrixView weight_gradients,
                                          MatrixView bias_gradients);

} // namespace hessq
#pragma GCC visibility pop
