#pragma once

#include "hessq/theory/batch_size.hpp"

namespace hessq::test {

/// n coordinates that are all alike: H_ii = 1, H_ij = coupling, g = 1 and sigma.
inline StepProblem alike(Index n, double coupling, double sigma) {
    StepProblem problem;
    problem.gradient = Vector::Ones(n);
    problem.hessian = Matrix::Constant(n, n, coupling);
    problem.hessian.diagonal().setOnes();
    problem.noise_sd = Vector::Constant(n, sigma);
    return problem;
}

} // namespace hessq::test
