#include "../measure.hpp"
#include "entries.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/objectives/reparametrization.hpp"
#include "hessq/operators/diagonals.hpp"
#include "hessq/theory/second_moment_metrics.hpp"
#include "network.hpp"

#include <cmath>
#include <fmt/format.h>

namespace hessq::e9 {
namespace {

/// What the two laws compare with sqrt(v), for a network seen at phi = theta / factors.
struct Quantities {
    Vector root_v;   ///< of per-sample gradients
    Vector root_c;   ///< Fisher law: the noise alone
    Vector cloud_h;  ///< squared law: sqrt(sum_j H_ij^2 s_j^2), the cloud of theta isotropic with s = 0.1
    double exponent; ///< q of E g g' in the eigenbasis of H
};

Quantities measure(const SmallNetwork& network, const Vector& factors) {
    const auto seen = reparametrize(network.objective, factors);
    const Vector phi = network.start.cwiseQuotient(factors);
    const Index samples = seen->samples();
    const Matrix each = seen->per_sample_gradients(phi, Batch::all(samples));
    const Vector mean = each.rowwise().mean();
    const Matrix centered = each.colwise() - mean;
    const Matrix h = seen->dense_hessian(phi);
    const Vector s = 0.1 * factors.cwiseInverse();
    const SymmetricEigen eigen = symmetric_eigen(h);
    const Vector w = (eigen.vectors.transpose() * each).cwiseAbs2().rowwise().mean();
    return {each.cwiseAbs2().rowwise().mean().cwiseSqrt(), centered.cwiseAbs2().rowwise().mean().cwiseSqrt(),
            row_norms(h * s.asDiagonal()), eigen_exponent(eigen.values, w).value().exponent.value};
}

ExperimentResult run(const ExperimentOptions& options) {
    const SmallNetwork network(options);
    const Index n = network.start.size();
    const Vector lambda = (Vector(5) << 0.1, 0.3, 2.0, 5.0, 10.0).finished();
    const Quantities theta = measure(network, Vector::Ones(n));
    Vector v(lambda.size()), c(lambda.size()), h(lambda.size()), q(lambda.size());
    for (Index i = 0; i < lambda.size(); ++i) {
        const Quantities phi = measure(network, Vector::Constant(n, lambda(i)));
        v(i) = phi.root_v.norm() / theta.root_v.norm();
        c(i) = phi.root_c.norm() / theta.root_c.norm();
        h(i) = phi.cloud_h.norm() / theta.cloud_h.norm();
        q(i) = phi.exponent;
    }
    const auto slope = [&](const Vector& values) {
        return exact(fit_line(Vector(lambda.array().log()), Vector(values.array().log())).slope, lambda.size());
    };
    ExperimentResult result;
    const std::string quantity = "exponent of lambda";
    result.cases.push_back({"e9", "one lambda for all: sqrt(v), per sample", quantity, 1.0, slope(v), 1e-9});
    result.cases.push_back({"e9", "one lambda for all: the squared law's s |H_i|", quantity, 1.0, slope(h), 1e-9});
    result.cases.push_back({"e9", "one lambda for all: the Fisher law's sqrt(C_ii)", quantity, 1.0, slope(c), 1e-9});
    result.cases.push_back({"e9", "one lambda for all: q of E g g'", "largest change of q", 0.0,
                            exact((q.array() - theta.exponent).abs().maxCoeff()), 1e-6});
    const Vector factors = coordinate_factors(network.layout, {0.3, 2.0, 5.0, 0.7});
    const Quantities unequal = measure(network, factors);
    const auto ratio_change = [&](const Vector& law, const Vector& law_before) {
        const Vector now = unequal.root_v.cwiseQuotient(law), before = theta.root_v.cwiseQuotient(law_before);
        return exact((now.cwiseQuotient(before).array() - 1.0).abs().maxCoeff());
    };
    result.cases.push_back({"e9", "a lambda for each group: sqrt(v) over the squared law, coordinate by coordinate",
                            "largest relative change", 0.0, ratio_change(unequal.cloud_h, theta.cloud_h), 1e-12});
    result.cases.push_back({"e9", "a lambda for each group: sqrt(v) over the Fisher law, coordinate by coordinate",
                            "largest relative change", 0.0, ratio_change(unequal.root_c, theta.root_c), 1e-12});
    result.figure = {.title = "Both laws scale as sqrt(v) does",
                     .x_label = "lambda",
                     .y_label = "value on phi / value on theta",
                     .log_x = true,
                     .log_y = true,
                     .series = {{"sqrt(v)", to_list(lambda), to_list(v), Series::Style::points},
                                {"s |H_i|", to_list(lambda), to_list(h), Series::Style::line},
                                {"sqrt(C_ii)", to_list(lambda), to_list(c), Series::Style::line}},
                     .guides = {{1.0, 1.0, 1.0, "slope 1"}}};
    result.caption =
        "A 4-8-3 network at its start, per-sample gradients; the cloud has the standard deviation 0.1 on theta.";
    result.paragraph = fmt::format(
        "Could one tell the laws of essay (b) apart by rescaling the parameters? No: under theta = lambda phi the root "
        "of v grows as lambda, and so do the Hessian's rows times the cloud that shrinks as 1 / lambda, and the root "
        "of the "
        "noise. The exponent in the eigenbasis stays {:.3f}. With a factor for each layer every coordinate's ratio to "
        "either law stays what it was.",
        theta.exponent);
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-e9",
            .title = "Can a reparametrization tell the squared law from the Fisher law?",
            .claims = {{"e9",
                        "Under theta = lambda phi, s H and sqrt(C) both scale as lambda, as sqrt(v) does: it cannot "
                        "discriminate the laws",
                        "hessq"}},
            .run = run};
}

} // namespace hessq::e9
