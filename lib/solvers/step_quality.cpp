#include "hessq/solvers/step_quality.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/require.hpp"
#include "hessq/spectrum/eigenpairs.hpp"
#include "hessq/spectrum/resolved.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace hessq {

double cosine(VectorView a, VectorView b) { return a.dot(b) / (a.norm() * b.norm()); }

namespace {

/// The slope d'g and the bend d'Hd of the loss along -d, and what it does at a distance t.
struct Line {
    const Objective& objective;
    VectorView w;
    double loss;
    VectorView d;
    double slope, bend;

    Line(const Objective& o, VectorView point, double value, VectorView gradient, const SymmetricOperator& h,
         VectorView direction)
        : objective(o), w(point), loss(value), d(direction), slope(direction.dot(gradient)),
          bend(direction.dot((h * direction).col(0))) {}

    double decrease(double t) const { return loss - objective.value(w - t * d); }

    StepQuality at(double t, StepQuality::Scale from, double actual, VectorView gradient) const {
        return {.cosine = cosine(d, gradient),
                .curvature = bend / d.squaredNorm(),
                .scale = t,
                .scale_from = from,
                .decrease_predicted = t * slope - 0.5 * t * t * bend,
                .decrease_actual = actual};
    }
};

void check(VectorView w, VectorView gradient, VectorView d, const char* function) {
    require_size(gradient.size(), w.size(), function, "the gradient");
    require_size(d.size(), w.size(), function, "d");
    require(d.squaredNorm() > 0.0, function, "d must not be zero; its norm", d.norm());
}

} // namespace

StepQuality step_quality(const Objective& objective, VectorView w, double loss, VectorView gradient,
                         const SymmetricOperator& h, VectorView d) {
    check(w, gradient, d, "step_quality");
    const Line line(objective, w, loss, gradient, h, d);
    if (line.bend > 0.0) {
        const double scale = line.slope / line.bend;
        return line.at(scale, StepQuality::Scale::quadratic_model, line.decrease(scale), gradient);
    }
    const double unit = line.bend < 0.0 ? std::abs(line.slope / line.bend) : 1.0;
    double best = unit;
    double most = -std::numeric_limits<double>::infinity();
    for (int k = -10; k <= 10; ++k) {
        const double decrease = line.decrease(std::ldexp(unit, k));
        if (decrease > most) {
            most = decrease;
            best = std::ldexp(unit, k);
        }
    }
    return line.at(best, StepQuality::Scale::line_search, most, gradient);
}

StepQuality full_step_quality(const Objective& objective, VectorView w, double loss, VectorView gradient,
                              const SymmetricOperator& h, VectorView d) {
    check(w, gradient, d, "full_step_quality");
    const Line line(objective, w, loss, gradient, h, d);
    return line.at(1.0, StepQuality::Scale::full_step, line.decrease(1.0), gradient);
}

namespace {

void set_ends(PreconditionedCurvature& result, double lambda_max, double lambda_min) {
    result.lambda_max = lambda_max;
    result.lambda_min = lambda_min;
    result.largest_stable_lr = lambda_max > 0.0 ? 2.0 / lambda_max : std::numeric_limits<double>::infinity();
}

/// max |lambda_k| / min |lambda_k|; NaN if there are none.
double spread(const Vector& lambda) {
    if (lambda.size() == 0) return std::numeric_limits<double>::quiet_NaN();
    return lambda.cwiseAbs().maxCoeff() / lambda.cwiseAbs().minCoeff();
}

/// An eigenvalue's error is about the residual squared over the gap: 1e-6 leaves twelve digits of an isolated one.
constexpr double tolerance = 1e-6;

/// Largest over smallest |eigenvalue| of X S X' on its range, X = P^(-1/2) U |Lambda|^(1/2): with the Cholesky factor L
/// of X'X these are the eigenvalues of the r x r matrix L'SL, and those of its inverse are at hand by substitution.
/// Infinity if X'X is singular to rounding.
void set_condition_on_range(PreconditionedCurvature& result, const Matrix& x, const Vector& signs) {
    const Index r = x.cols();
    Matrix gram = Matrix::Zero(r, r);
    gram.selfadjointView<Eigen::Lower>().rankUpdate(x.transpose());
    const Eigen::LLT<Eigen::Ref<Matrix>> cholesky(gram);
    if (cholesky.info() != Eigen::Success) {
        result.condition_number = std::numeric_limits<double>::infinity();
        return;
    }
    const auto l = cholesky.matrixL();
    const auto u = cholesky.matrixU();
    const SpectralNorm norm = spectral_norm(
        SymmetricOperator(
            r, [&](MatrixView v) -> Matrix { return u * Matrix(signs.asDiagonal() * Matrix(l * v)); }, "L'SL"),
        tolerance);
    const SpectralNorm inverse = spectral_norm(
        SymmetricOperator(
            r, [&](MatrixView v) -> Matrix { return l.solve(signs.asDiagonal() * u.solve(v)); }, "inverse of L'SL"),
        tolerance);
    result.condition_number = norm.value * inverse.value;
    result.converged = result.converged && norm.converged && inverse.converged;
}

} // namespace

PreconditionedCurvature preconditioned_curvature(const SymmetricOperator& h, const SymmetricEigen& eigen,
                                                 const SymmetricOperator& inverse_sqrt) {
    require_size(inverse_sqrt.dimension(), h.dimension(), "preconditioned_curvature", "P^(-1/2)");
    require_size(eigen.values.size(), h.dimension(), "preconditioned_curvature", "the spectrum of h");
    PreconditionedCurvature result;
    const ExtremeEigenpairs ends = extreme_eigenpairs(
        sandwich(inverse_sqrt, h), {.top = 1, .bottom = 1, .tolerance = tolerance, .certify = false});
    set_ends(result, ends.top.values(0), ends.bottom.values(0));
    result.residual = std::max(ends.top.residuals(0), ends.bottom.residuals(0));
    result.converged = ends.converged;

    const std::vector<Index> chosen = resolved_directions(eigen.values);
    result.directions = static_cast<Index>(chosen.size());
    const Vector lambda = entries_at(eigen.values, chosen);
    if (chosen.empty()) {
        result.condition_number = spread(lambda);
        return result;
    }
    Matrix root(h.dimension(), result.directions); // H_r = root S root'
    for (Index j = 0; j < root.cols(); ++j)
        root.col(j) = std::sqrt(std::abs(lambda(j))) * eigen.vectors.col(chosen[static_cast<std::size_t>(j)]);
    set_condition_on_range(result, inverse_sqrt * root, lambda.cwiseSign());
    return result;
}

PreconditionedCurvature preconditioned_curvature(const SymmetricEigen& eigen, VectorView metric) {
    require_size(metric.size(), eigen.values.size(), "preconditioned_curvature", "the metric");
    require(metric.minCoeff() > 0.0, "preconditioned_curvature", "the metric must be positive", metric.minCoeff());
    PreconditionedCurvature result;
    const Vector seen = eigen.values.cwiseQuotient(metric);
    set_ends(result, seen.maxCoeff(), seen.minCoeff());
    result.converged = true;
    const std::vector<Index> chosen = resolved_directions(eigen.values);
    result.directions = static_cast<Index>(chosen.size());
    result.condition_number = spread(entries_at(seen, chosen));
    return result;
}

} // namespace hessq
