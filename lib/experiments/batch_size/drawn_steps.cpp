#include "drawn_steps.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace hessq {

StepProblem uneven_problem() {
    return {.gradient = Eigen::Vector3d(1.0, -0.5, 0.25),
            .hessian = (Eigen::Matrix3d() << 2.0, 0.5, 0.2, 0.5, 1.0, 0.1, 0.2, 0.1, 0.5).finished(),
            .noise_sd = Eigen::Vector3d(2.0, 1.0, 0.5)};
}

DrawDirection normal_gradient(const StepProblem& problem, Matrix root, double batch) {
    const Vector g = problem.gradient;
    const bool diagonal = root.isDiagonal(0.0);
    return [g, root = std::move(root), batch, diagonal](const RandomStream& random, std::uint64_t index, Vector& u) {
        Matrix z(root.cols(), 1);
        const std::uint64_t next = fill_normal(random, index, z);
        if (diagonal)
            u = g + root.diagonal().cwiseProduct(z.col(0)) / std::sqrt(batch);
        else
            u = g + root * z.col(0) / std::sqrt(batch);
        return next;
    };
}

DrawDirection sparse_gradient(const StepProblem& problem, double rare, Index batch) {
    const Vector g = problem.gradient, jump = problem.noise_sd / std::sqrt(rare);
    return [g, jump, rare, batch](const RandomStream& random, std::uint64_t index, Vector& u) {
        u = g;
        for (Index i = 0; i < g.size(); ++i)
            for (Index s = 0; s < batch; ++s) {
                const double x = random.uniform(index++);
                if (x < rare) u(i) += (x < 0.5 * rare ? 1.0 : -1.0) * jump(i) / static_cast<double>(batch);
            }
        return index;
    };
}

DrawDirection signs_of(DrawDirection gradient) {
    return [gradient = std::move(gradient)](const RandomStream& random, std::uint64_t index, Vector& u) {
        const std::uint64_t next = gradient(random, index, u);
        u = u.unaryExpr([](double x) { return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0; });
        return next;
    };
}

Matrix drawn_moments(const StepProblem& problem, const DrawDirection& direction, Index draws, std::uint64_t seed,
                     std::uint64_t stream) {
    constexpr Index blocks = 20;
    const Index each = std::max<Index>(1, draws / blocks);
    Matrix moments(2, blocks);
    parallel_for(blocks, [&](Index block) {
        const RandomStream random(seed, stream + static_cast<std::uint64_t>(block));
        Vector u(problem.gradient.size());
        double slope = 0.0, curvature = 0.0;
        std::uint64_t index = 0;
        for (Index k = 0; k < each; ++k) {
            index = direction(random, index, u);
            slope += u.dot(problem.gradient);
            curvature += u.dot(problem.hessian.lazyProduct(u));
        }
        moments.col(block) << slope / static_cast<double>(each), curvature / static_cast<double>(each);
    });
    return moments;
}

Estimate rate_of(const Matrix& moments) {
    return jackknife(moments, [](VectorView mean) { return mean(0) / mean(1); });
}

Estimate decrease_of(const Matrix& moments) {
    return jackknife(moments, [](VectorView mean) { return 0.5 * mean(0) * mean(0) / mean(1); });
}

} // namespace hessq
