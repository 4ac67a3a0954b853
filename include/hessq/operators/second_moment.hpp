#pragma once

#include "hessq/core/symmetric_operator.hpp"
#include "hessq/core/types.hpp"

#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

/// The squared-gradient averages of Adam and RMSprop, elementwise and for several decay rates at once:
/// v_t = beta2 v_(t-1) + (1 - beta2) g_t o g_t from v_0 = 0.
///
/// Cost       n doubles and 3 n flops a step for each decay rate.
class SecondMomentAverages {
public:
    /// Throws     std::invalid_argument if dimension < 1, no decay rate is given or one lies outside [0, 1).
    SecondMomentAverages(Index dimension, std::vector<double> beta2);

    /// Throws     std::invalid_argument if g has the wrong size.
    void observe(VectorView g);

    Index steps() const { return steps_; }
    const std::vector<double>& beta2() const { return beta2_; }

    /// v_t of the k-th decay rate, as RMSprop uses it: its weights sum to 1 - beta2^t.
    ///
    /// Throws     std::invalid_argument if there is no k-th decay rate.
    Vector average(Index k) const;

    /// v_t / (1 - beta2^t), as Adam uses it: a weighted mean of g o g.
    ///
    /// Throws     std::invalid_argument if there is no k-th decay rate or no gradient was observed.
    Vector corrected(Index k) const;

private:
    std::vector<double> beta2_;
    Matrix averages_;
    Index steps_ = 0;
};

/// All gradients of a run, from which the full matrix W = sum_t w_t g_t g_t' is read for any decay rate and at any
/// step T of the run, with the weights of the bias-corrected average w_t = (1 - beta2) beta2^(T - t) / (1 - beta2^T).
/// Observing costs a copy; no n x n matrix is formed.
///
/// Steps whose weight is below 1e-17 are dropped: the weights sum to 1, and all dropped ones together to less than
/// 1e-17 / (1 - beta2).
class GradientHistory {
public:
    /// Reserves room for `expected_steps`; the room doubles when it is full.
    ///
    /// Throws     std::invalid_argument if dimension < 1 or expected_steps < 1.
    explicit GradientHistory(Index dimension, Index expected_steps = 64);

    /// The memory of a history built for that many steps: 8 n T.
    static double bytes(Index dimension, Index steps) {
        return 8.0 * static_cast<double>(dimension) * static_cast<double>(steps);
    }

    /// Throws     std::invalid_argument if g has the wrong size.
    void observe(VectorView g);

    Index dimension() const { return gradients_.rows(); }
    Index steps() const { return steps_; }

    /// u_k' W u_k for every column of U, after the first `steps` steps.
    ///
    /// Shapes     U is n x k.
    /// Cost       2 n T k flops, T the steps whose weight counts.
    /// Throws     std::invalid_argument if U does not have n rows, beta2 lies outside [0, 1), or not 1 <= steps <=
    /// steps().
    Vector quadratic_forms(MatrixView u, double beta2, Index steps) const;

    /// diag W: what Adam's bias-corrected v is after `steps` steps.
    Vector diagonal(double beta2, Index steps) const;

    /// F with W = F F': the columns sqrt(w_t) g_t, oldest first. n x T.
    Matrix weighted_factor(double beta2, Index steps) const;

    /// W as an operator. Keeps a weighted_factor of its own, so it stays as it is when the history goes on.
    SymmetricOperator second_moment(double beta2, Index steps) const;

private:
    struct Window {
        Index begin;    ///< the first step that counts
        Vector weights; ///< of the steps begin, ..., steps - 1
    };
    Window window(double beta2, Index steps, const char* function) const;

    Matrix gradients_;
    Index steps_ = 0;
};

} // namespace hessq
#pragma GCC visibility pop
