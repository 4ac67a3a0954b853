#include "hessq/solvers/step_quality.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/dense.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "hessq/spectrum/eigenpairs.hpp"
#include "hessq/spectrum/lanczos.hpp"
#include "hessq/spectrum/resolved.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <cstdint>
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

    double decrease(double t) const { return loss - trial_value(objective, w - t * d); }

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

/// The outermost Ritz values of a Lanczos process and the larger of their residuals, beta_k times the last entry of the
/// eigenvector of T.
struct RitzEnds {
    double top, bottom, residual;

    explicit RitzEnds(const Tridiagonal& t) {
        const Index k = t.steps();
        Tridiagonal reversed{t.diagonal.reverse(), Vector::Zero(k)};
        reversed.off_diagonal.head(k - 1) = t.off_diagonal.head(k - 1).reverse();
        const Quadrature ritz = gauss_quadrature(reversed); // the weights are squared last entries
        top = ritz.nodes(k - 1);
        bottom = ritz.nodes(0);
        residual = t.off_diagonal(k - 1) * std::sqrt(std::max(ritz.weights(0), ritz.weights(k - 1)));
    }

    /// Stricter than elsewhere: here a digit more costs few products, and those in blocks.
    bool converged() const { return residual <= 1e-8 * std::max(std::abs(top), std::abs(bottom)); }
};

/// The ends of the spectrum of every P^(-1/2) H P^(-1/2). One vector's product with H is bound by reading H, so the
/// processes advance side by side.
std::vector<PreconditionedCurvature> outer_ends(const SymmetricOperator& h,
                                                const std::vector<SymmetricOperator>& inverse_sqrts) {
    constexpr std::uint64_t start_stream = 0x656e6473; // "ends"
    constexpr Index steps = 300, look_every = 5;
    const Index n = h.dimension(), count = static_cast<Index>(inverse_sqrts.size());
    if (count == 0) return {};
    const auto outer = [&](MatrixView v, const std::vector<Index>& which) {
        Matrix scaled(v.rows(), v.cols());
        for (Index g = 0; g < v.cols(); ++g) {
            const auto j = static_cast<std::size_t>(which[static_cast<std::size_t>(g)]);
            scaled.col(g) = (inverse_sqrts[j] * v.col(g)).col(0);
        }
        return scaled;
    };
    const Vector start = normal_vector(RandomStream(0, start_stream), n);
    const LanczosResult run =
        lanczos([&](MatrixView v, const std::vector<Index>& which) { return outer(h * outer(v, which), which); },
                start.replicate(1, count), {.steps = steps, .finished = [](const Tridiagonal& t) {
                                                return t.steps() % look_every == 0 && RitzEnds(t).converged();
                                            }});
    std::vector<PreconditionedCurvature> results(inverse_sqrts.size());
    for (std::size_t j = 0; j < results.size(); ++j) {
        const RitzEnds ends(run.tridiagonals[j]);
        set_ends(results[j], ends.top, ends.bottom);
        results[j].residual = ends.residual;
        results[j].converged = ends.converged();
        if (results[j].converged) continue;
        const ExtremeEigenpairs pairs = extreme_eigenpairs(
            sandwich(inverse_sqrts[j], h), {.top = 1, .bottom = 1, .tolerance = tolerance, .certify = false});
        set_ends(results[j], pairs.top.values(0), pairs.bottom.values(0));
        results[j].residual = std::max(pairs.top.residuals(0), pairs.bottom.residuals(0));
        results[j].converged = pairs.converged;
    }
    return results;
}

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

std::vector<PreconditionedCurvature> preconditioned_curvatures(const SymmetricOperator& h, const SymmetricEigen& eigen,
                                                               const std::vector<SymmetricOperator>& inverse_sqrts) {
    constexpr const char* function = "preconditioned_curvature";
    for (const SymmetricOperator& p : inverse_sqrts) require_size(p.dimension(), h.dimension(), function, "P^(-1/2)");
    require_size(eigen.values.size(), h.dimension(), function, "the spectrum of h");
    std::vector<PreconditionedCurvature> results = outer_ends(h, inverse_sqrts);

    const std::vector<Index> chosen = resolved_directions(eigen.values);
    const Vector lambda = entries_at(eigen.values, chosen);
    Matrix root(h.dimension(), lambda.size()); // H_r = root S root'
    for (Index j = 0; j < root.cols(); ++j)
        root.col(j) = std::sqrt(std::abs(lambda(j))) * eigen.vectors.col(chosen[static_cast<std::size_t>(j)]);
    for (std::size_t i = 0; i < results.size(); ++i) {
        results[i].directions = lambda.size();
        if (chosen.empty())
            results[i].condition_number = spread(lambda);
        else
            set_condition_on_range(results[i], inverse_sqrts[i] * root, lambda.cwiseSign());
    }
    return results;
}

PreconditionedCurvature preconditioned_curvature(const SymmetricOperator& h, const SymmetricEigen& eigen,
                                                 const SymmetricOperator& inverse_sqrt) {
    return preconditioned_curvatures(h, eigen, {inverse_sqrt}).front();
}

PreconditionedCurvature preconditioned_curvature(const SymmetricEigen& eigen, VectorView metric) {
    require_size(metric.size(), eigen.values.size(), "preconditioned_curvature", "the metric");
    require(metric.size() >= 1, "preconditioned_curvature", "the metric must not be empty", metric.size());
    require_finite(metric, "preconditioned_curvature: the metric");
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
