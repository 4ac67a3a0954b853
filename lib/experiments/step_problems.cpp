#include "step_problems.hpp"

namespace hessq {

StepProblem alike_problem(Index n, double coupling, double noise_sd) {
    StepProblem problem{.gradient = Vector::Ones(n),
                        .hessian = Matrix::Constant(n, n, coupling),
                        .noise_sd = Vector::Constant(n, noise_sd)};
    problem.hessian.diagonal().setOnes();
    return problem;
}

} // namespace hessq
