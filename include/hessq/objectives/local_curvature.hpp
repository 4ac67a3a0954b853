#pragma once

#include "hessq/datasets/batch.hpp"
#include "hessq/objectives/objective.hpp"

#include <cstdint>

#pragma GCC visibility push(default)
namespace hessq {

/// The second derivatives of the loss of one batch at one point, computed when they are asked for: what an optimizer
/// that uses curvature sees beside the gradient. It refers to the objective and keeps a copy of the point.
///
/// A segment is the same loss seen by an optimizer that moves a part of the parameters: its diagonals are parts of the
/// whole diagonals, to the last bit also where they are random, and its Hessian is the block on the diagonal.
class LocalCurvature {
public:
    /// Throws     std::invalid_argument if w does not fit or the batch has samples that are not there.
    LocalCurvature(const FiniteSumObjective& objective, Vector w, Batch batch);

    /// Parameters of the segment.
    Index dimension() const { return size_; }

    /// The Hessian.
    ///
    /// Cost       That of the objective on all samples; n products on fewer.
    Matrix dense_hessian() const;

    /// diag H.
    ///
    /// Cost       As dense_hessian.
    Vector hessian_diagonal() const;

    /// z o (H z) for the random sign vector z number `index`: a draw whose mean is diag H, and whose square has the
    /// mean (H^2)_ii.
    ///
    /// Cost       One product.
    Vector hutchinson_diagonal(std::uint64_t seed, std::uint64_t index) const;

    /// The diagonal of the Gauss-Newton matrix.
    ///
    /// Throws     std::invalid_argument if the objective is no ModelObjective.
    Vector gauss_newton_diagonal() const;

    /// Parameters offset, ..., offset + size - 1 of these.
    ///
    /// Throws     std::invalid_argument if there are not so many.
    LocalCurvature segment(Index offset, Index size) const;

private:
    const FiniteSumObjective* objective_;
    Vector w_;
    Batch batch_;
    Index offset_ = 0;
    Index size_;
};

} // namespace hessq
#pragma GCC visibility pop
