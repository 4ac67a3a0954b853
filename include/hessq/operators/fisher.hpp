#pragma once

#include "hessq/core/estimate.hpp"
#include "hessq/core/types.hpp"
#include "hessq/objectives/objective.hpp"

#include <cstdint>

#pragma GCC visibility push(default)
namespace hessq {

/// The true Fisher matrix E_x E_{y ~ p(. | f(x; w))} [grad l grad l'], exact over labels. For the losses of a
/// ModelObjective it IS the Gauss-Newton matrix, and this is model.gauss_newton(w) under its other name; a penalty R
/// enters through Hess R, as it does there. It is not the empirical Fisher matrix, whose labels are those of the data.
SymmetricOperator true_fisher(const ModelObjective& model, VectorView w);

struct SampledFisherOptions {
    Index draws = 16; ///< label draws for each sample; at least 2, because the error is read off their spread
    std::uint64_t seed = 0;
};

/// The Fisher matrix by sampling labels.
struct SampledFisher {
    Matrix value;
    double frobenius_error = 0.0; ///< one sigma: sqrt E |value - E value|_F^2, estimated from the spread of the draws
    Index draws = 0;
};

/// (1 / (D m)) sum_d sum_s g_sd g_sd' with g_sd the gradient of l + R for sample s under its d-th label drawn from
/// the model at w. Its expectation is the true Fisher matrix of the loss plus grad R grad R'.
///
/// Error bar  frobenius_error^2 = sum_d |A_d - mean A|_F^2 / (D (D - 1)) with A_d the matrix of one draw: unbiased
///            for the squared Frobenius error of the mean over labels. The inputs are not resampled.
/// Cost       D n^2 m multiply-adds; 2 n^2 + 256 n doubles.
/// Throws     std::invalid_argument if w has the wrong size or draws < 2; NumericalError if a gradient is not finite.
[[nodiscard]] SampledFisher sampled_fisher(const ModelObjective& model, VectorView w,
                                           const SampledFisherOptions& options = {});

/// The trace of that matrix alone: the mean over draws of the mean |g_sd|^2 over samples.
///
/// Error bar  One sigma, from the spread of the draws. The inputs are not resampled.
/// Cost       D m gradients; 256 n doubles a thread.
/// Throws     As sampled_fisher.
[[nodiscard]] Estimate sampled_fisher_trace(const ModelObjective& model, VectorView w,
                                            const SampledFisherOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
