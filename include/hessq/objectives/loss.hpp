#pragma once

#include "hessq/core/random.hpp"
#include "hessq/core/types.hpp"
#include "hessq/datasets/batch.hpp"

#pragma GCC visibility push(default)
namespace hessq {

/// The loss l(f, y) of one sample with outputs f: the negative log-likelihood of a distribution p(y | f), up to a
/// constant.
enum class Loss {
    squared,      ///< 1/2 |f - y|^2, summed over outputs: a Gaussian of unit variance
    cross_entropy ///< -ln softmax(f)_y for two or more outputs; with one output, -ln sigmoid(+-f): logistic
};

/// The loss of a block of samples and its derivatives with respect to the outputs.
/// `outputs` is m x k, one sample a row. For squared loss `targets` is m x k; for cross-entropy it is m x 1 and
/// holds class indices.
class OutputLoss {
public:
    OutputLoss(Loss loss, Index outputs) : loss_(loss), outputs_(outputs) {}

    /// l for each sample: m entries.
    Vector values(MatrixView outputs, MatrixView targets) const;

    /// The mean of the likelihood p(y | f), which is all that derivatives need of f: f itself for squared loss,
    /// class probabilities for cross-entropy (one column, of class 1, when there is one output). m x k.
    Matrix mean(MatrixView outputs) const;

    /// dl/df = mean - y: m x k.
    Matrix gradient(MatrixView mean, MatrixView targets) const;

    /// (d2l/df2) r, sample by sample, for v vectors r at once: m x (k v), column c v + j is output c of vector j. It
    /// depends on f only, not on the targets. A matrix that is moved in is worked on in place.
    Matrix hessian_product(MatrixView mean, Matrix r) const;

    /// Column c of a root Q with Q Q' = d2l/df2, for every sample: m x k. Q has k columns.
    Matrix hessian_root_column(MatrixView mean, Index c) const;

    /// dl/df with labels drawn from p(y | f): m x k. The label of sample batch[i] uses the stream's entries
    /// batch[i] * k, ..., and no other.
    Matrix sampled_gradient(MatrixView mean, const Batch& batch, const RandomStream& stream) const;

private:
    bool logistic() const { return loss_ == Loss::cross_entropy && outputs_ == 1; }

    Loss loss_;
    Index outputs_;
};

} // namespace hessq
#pragma GCC visibility pop
