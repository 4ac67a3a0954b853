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
///
/// A history may be told to keep the newest gradients only. Its averages are then those of the gradients that it keeps,
/// their weights again summing to 1.
class GradientHistory {
public:
    /// Reserves room for `expected_steps`; the room doubles when it is full. At most `most` gradients count; 0: all.
    ///
    /// Throws     std::invalid_argument if dimension < 1, expected_steps < 1 or most < 0.
    explicit GradientHistory(Index dimension, Index expected_steps = 64, Index most = 0);

    /// The memory of a history built for that many steps: 8 n T. One that keeps the newest `most` never takes more than
    /// 10 n most.
    static double bytes(Index dimension, Index steps) {
        return 8.0 * static_cast<double>(dimension) * static_cast<double>(steps);
    }

    /// Throws     std::invalid_argument if g has the wrong size.
    void observe(VectorView g);

    Index dimension() const { return gradients_.rows(); }
    Index steps() const { return steps_; }

    /// The number of steps from which on every weight of the bias-corrected average that is at least 1e-17 belongs to
    /// the newest so many gradients: keeping more changes nothing. 32 222 for beta2 = 0.999.
    ///
    /// Throws     std::invalid_argument if beta2 lies outside [0, 1).
    static Index steps_that_count(double beta2);

    /// u_k' W u_k for every column of U, after the first `steps` steps.
    ///
    /// Shapes     U is n x k.
    /// Cost       2 n T k flops, T the steps whose weight counts.
    /// Throws     std::invalid_argument if U does not have n rows, beta2 lies outside [0, 1), or not 1 <= steps <=
    /// steps(), or the gradients of that time are no longer kept.
    Vector quadratic_forms(MatrixView u, double beta2, Index steps) const;

    /// diag W: what Adam's bias-corrected v is after `steps` steps.
    Vector diagonal(double beta2, Index steps) const;

    /// F with W = F F': the columns sqrt(w_t) g_t, oldest first. n x T.
    Matrix weighted_factor(double beta2, Index steps) const;

    /// W as an operator. Keeps a weighted_factor of its own, so it stays as it is when the history goes on.
    SymmetricOperator second_moment(double beta2, Index steps) const;

private:
    struct Window {
        Index begin;    ///< the column of the first step that counts
        Vector weights; ///< of it and those behind it
    };
    Window window(double beta2, Index steps, const char* function) const;

    Index most_;
    Matrix gradients_; ///< of the steps dropped_, ..., steps_ - 1
    Index dropped_ = 0;
    Index steps_ = 0;
};

} // namespace hessq
#pragma GCC visibility pop
