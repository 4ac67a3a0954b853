// A matrix that is nothing but a callable goes to every estimator, eigensolver and solver, and each gets it right. Its
// spectrum is known: 2 + delta - 2 cos(2 pi k / n), the Laplacian of a ring plus delta.

#include "hessq/core/dense.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/random.hpp"
#include "hessq/estimators/hutchinson.hpp"
#include "hessq/estimators/hutchpp.hpp"
#include "hessq/estimators/layers.hpp"
#include "hessq/estimators/trace.hpp"
#include "hessq/estimators/xdiag.hpp"
#include "hessq/estimators/xtrace.hpp"
#include "hessq/solvers/cg.hpp"
#include "hessq/solvers/newton.hpp"
#include "hessq/solvers/step_quality.hpp"
#include "hessq/spectrum/eigenpairs.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>

using namespace hessq;
using boost::test_tools::tolerance;

BOOST_AUTO_TEST_SUITE(callable_operator)

namespace {

constexpr Index n = 80;
constexpr double diagonal = 2.5;                                 // delta = 1/2
constexpr double trace = diagonal * n;                           // 200
constexpr double squared_norm = n * (diagonal * diagonal + 2.0); // two neighbors
constexpr double top = 4.5, bottom = 0.5;

/// A struct that knows nothing of hessq.
struct Ring {
    Matrix operator()(const Eigen::Ref<const Matrix>& v) const {
        Matrix product = diagonal * v;
        for (Index i = 0; i < n; ++i) product.row(i) -= v.row((i + 1) % n) + v.row((i + n - 1) % n);
        return product;
    }
};

SymmetricOperator ring() { return SymmetricOperator(n, Ring{}); }

void check(const char* name, const Estimate& found, double truth) {
    BOOST_TEST(std::abs(found.value - truth) <= 5.0 * found.std_error + 1e-10 * truth, name << ": " << found.value);
}

void check(const char* name, const IntervalEstimate& found, double truth) {
    check(name, static_cast<const Estimate&>(found), truth);
    BOOST_TEST(found.interval.lower < found.value, name);
}

void check_entries(const char* name, const VectorEstimate& found, double truth) {
    BOOST_TEST_REQUIRE(found.value.size() == n);
    for (Index i = 0; i < n; ++i)
        BOOST_TEST(std::abs(found.value(i) - truth) <= 6.0 * found.std_error(i) + 1e-10 * truth, name << " at " << i);
}

} // namespace

BOOST_AUTO_TEST_CASE(every_estimator_takes_it) {
    const SymmetricOperator a = ring();
    check("hutchinson_trace", hutchinson_trace(a), trace);
    check("hutchpp_trace", hutchpp_trace(a, {.products = 60}), trace);
    check("xtrace", xtrace(a), trace);
    check("xnystrace", xnystrace(a), trace);
    for (const TraceMethod method : {TraceMethod::automatic, TraceMethod::exact, TraceMethod::hutchinson,
                                     TraceMethod::hutchpp, TraceMethod::xtrace}) {
        const TraceEstimate found =
            estimate_trace(a, {.method = method, .products = method == TraceMethod::exact ? 80 : 60});
        check(std::string(name(method)).c_str(), static_cast<const Estimate&>(found), trace);
    }
    check_entries("hutchinson_diagonal", hutchinson_diagonal(a), diagonal);
    check_entries("hutchinson_squared_diagonal", hutchinson_squared_diagonal(a), squared_norm / n);
    check_entries("hutchinson_squared_diagonal of two", hutchinson_squared_diagonal(a, a), squared_norm / n);
    check_entries("diagpp", diagpp(a, {.products = 60}), diagonal);
    check_entries("xdiag", xdiag(a), diagonal);
    const MatrixEstimates layers = estimate_layers(a);
    check("estimate_layers: trace", layers.trace, trace);
    check("estimate_layers: squared norm", layers.squared_norm, squared_norm);
    BOOST_TEST(xnysdiag(a).value.sum() == xnystrace(a).value, tolerance(1e-9));
    BOOST_TEST(std::abs(xrownorms_squared(a).value.sum() / squared_norm - 1.0) <= 0.3);
}

BOOST_AUTO_TEST_CASE(every_eigensolver_and_solver_takes_it) {
    const SymmetricOperator a = ring();
    const ExtremeEigenpairs ends = extreme_eigenpairs(a, {.top = 1, .bottom = 1});
    BOOST_TEST(ends.converged);
    BOOST_TEST(ends.top.values(0) == top, tolerance(1e-9));
    BOOST_TEST(ends.bottom.values(0) == bottom, tolerance(1e-9));
    BOOST_TEST(spectral_norm(a).value == top, tolerance(1e-9));
    const Vector all = symmetric_eigenvalues(to_dense(a));
    BOOST_TEST(all(n - 1) == top, tolerance(1e-12));

    const Vector b = normal_vector(RandomStream(3, 0), n);
    const CgResult solved = conjugate_gradients(a, b);
    BOOST_CHECK(solved.status == CgStatus::converged);
    BOOST_TEST((a * solved.x - b).norm() <= 1e-9 * b.norm());
    BOOST_TEST((newton_step_cg(a, b).x - solved.x).norm() <= 1e-9 * solved.x.norm());

    const SymmetricOperator half(n, [](MatrixView v) -> Matrix { return 0.5 * v; });
    const PreconditionedCurvature seen = preconditioned_curvature(a, symmetric_eigen(to_dense(a)), half);
    BOOST_TEST(seen.lambda_max == 0.25 * top, tolerance(1e-9));
    BOOST_TEST(seen.condition_number == top / bottom, tolerance(1e-9));
    BOOST_TEST((sandwich(half, a) * b - 0.25 * (a * b)).norm() <= 1e-14 * b.norm());
}

BOOST_AUTO_TEST_SUITE_END()
