#include "hessq/solvers/nystrom.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/require.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/solvers/newton.hpp"

#include <boost/test/unit_test.hpp>

#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <cmath>
#include <string>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(nystrom)

namespace {

Vector decaying(Index n, double base) {
    return Vector::NullaryExpr(n, [base](Index i) { return std::pow(base, static_cast<double>(i)); });
}

/// Of P^(-1/2) (A + mu I) P^(-1/2): that of L'(A + mu I)L with P^-1 = L L'.
double condition(const Matrix& a, double mu, const SymmetricOperator& inverse) {
    const Matrix shifted = a + mu * Matrix::Identity(a.rows(), a.cols());
    const Matrix l = to_dense(inverse).llt().matrixL();
    const Vector values = symmetric_eigenvalues(l.transpose() * shifted * l);
    return values.maxCoeff() / values.minCoeff();
}

} // namespace

BOOST_AUTO_TEST_CASE(a_matrix_of_low_rank_is_recovered) {
    Vector spectrum = Vector::Zero(60);
    spectrum.head(4) << 5, 3, 3, 1;
    const Matrix a = with_spectrum(spectrum, 1);
    const NystromApproximation found = nystrom_approximation(dense_operator(a), {.rank = 8});
    BOOST_TEST((found.values.head(4) - spectrum.head(4)).norm() <= 60 * 10 * eps * 5);
    BOOST_TEST(found.values.tail(4).maxCoeff() <= 60 * 10 * eps * 5);
    const Matrix rebuilt = found.vectors * found.values.asDiagonal() * found.vectors.transpose();
    BOOST_TEST((rebuilt - a).norm() <= 1e-11);
    BOOST_TEST((found.vectors.transpose() * found.vectors - Matrix::Identity(8, 8)).norm() <= 60 * eps);
    // The whole sketch recovers any matrix.
    const Matrix full = with_spectrum(Vector::LinSpaced(12, 1.0, 2.0), 2);
    BOOST_TEST(
        (nystrom_approximation(dense_operator(full), {.rank = 12}).values - Vector::LinSpaced(12, 2.0, 1.0)).norm() <=
        12 * 100 * eps);
}

BOOST_AUTO_TEST_CASE(the_approximation_lies_below_the_matrix) {
    const Matrix a = with_spectrum(decaying(80, 0.8), 3);
    const NystromApproximation found = nystrom_approximation(dense_operator(a), {.rank = 20});
    const Matrix rest = a - found.vectors * found.values.asDiagonal() * found.vectors.transpose();
    BOOST_TEST(symmetric_eigenvalues(rest).minCoeff() >= -1e-12);
}

BOOST_AUTO_TEST_CASE(the_preconditioner_is_the_documented_matrix) {
    const NystromApproximation u{Matrix::Identity(3, 2), Eigen::Vector2d(4, 1)};
    // (1 + 1) U diag(1/5, 1/2) U' + e_3 e_3'
    BOOST_TEST(
        (to_dense(nystrom_preconditioner(u, 1.0)) - Matrix(Eigen::Vector3d(0.4, 1.0, 1.0).asDiagonal())).norm() <=
        8 * eps);
    const Matrix root = to_dense(nystrom_inverse_sqrt(u, 1.0));
    BOOST_TEST((root * root - Matrix(Eigen::Vector3d(0.4, 1.0, 1.0).asDiagonal())).norm() <= 8 * eps);
    BOOST_TEST(root(0, 0) > 0.0);
}

BOOST_AUTO_TEST_CASE(an_indefinite_system_needs_fewer_products_with_the_sketch_of_its_positive_part) {
    // 20 eigenvalues from 10 to 1000, the others between -1 and 1 but not near 0.
    constexpr Index n = 120;
    Vector spectrum(n);
    spectrum << Vector::LinSpaced(20, 1.0, 3.0).unaryExpr([](double e) { return std::pow(10.0, e); }),
        Vector::LinSpaced(50, 0.5, 1.0), Vector::LinSpaced(50, -1.0, -0.5);
    const Matrix a = with_spectrum(spectrum, 6), positive = with_spectrum(spectrum.cwiseMax(0.0), 6);
    const Vector b = normal_vector(RandomStream(6, 1), n), x = a.lu().solve(b);
    const NystromApproximation sketch = nystrom_approximation(dense_operator(positive), {.rank = 25});

    const MinresResult plain = newton_step_minres(dense_operator(a), b);
    const MinresResult fast =
        newton_step_minres(dense_operator(a), b, {.inverse_sqrt = nystrom_inverse_sqrt(sketch, 1.0)});

    for (const MinresResult& result : {plain, fast}) {
        BOOST_CHECK(result.status == MinresStatus::converged);
        BOOST_TEST((result.x - x).norm() <= 2.0 * 1.01e-10 * b.norm()); // |A^-1| |r|
        BOOST_TEST(result.negative_curvature.dot(a * result.negative_curvature) < 0.0);
    }
    BOOST_TEST_MESSAGE("products: " << plain.products << " without, " << fast.products << " with, and 25");
    BOOST_TEST(2 * fast.products < plain.products);
}

BOOST_AUTO_TEST_CASE(a_sketch_of_the_effective_dimension_makes_the_expected_condition_number_smaller_than_28,
                     *boost::unit_test::label("slow")) {
    constexpr Index n = 200;
    constexpr int seeds = 20;
    for (const double base : {0.7, 0.9, 0.97}) {
        const Vector spectrum = decaying(n, base);
        const Matrix a = with_spectrum(spectrum, 4);
        for (const double mu : {1e-2, 1e-4}) {
            const double d = effective_dimension(spectrum, mu);
            const Index rank = nystrom_rank(d, n);
            double sum = 0.0, squares = 0.0;
            for (int seed = 0; seed < seeds; ++seed) {
                const auto found =
                    nystrom_approximation(dense_operator(a), {.rank = rank, .seed = static_cast<std::uint64_t>(seed)});
                const double kappa = condition(a, mu, nystrom_preconditioner(found, mu));
                sum += kappa / seeds;
                squares += kappa * kappa / seeds;
            }
            // Three standard errors above the mean.
            BOOST_TEST(sum + 3.0 * std::sqrt(std::max(0.0, squares - sum * sum) / (seeds - 1)) < 28.0);
            BOOST_TEST(condition(a, mu, identity_operator(n)) > 28.0);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_effective_dimension_counts_eigenvalues_above_the_damping) {
    BOOST_TEST(effective_dimension(Eigen::Vector3d(1, 1, 0), 1.0) == 1.0);
    BOOST_TEST(effective_dimension(Vector::Constant(7, 1e9), 1e-9) == 7.0, boost::test_tools::tolerance(1e-15));
    BOOST_TEST(nystrom_rank(4.1, 100) == 2 * 7 + 1);
    BOOST_TEST(nystrom_rank(4.1, 10) == 10);
    BOOST_TEST(nystrom_rank(0.0, 10) == 1);
}

BOOST_AUTO_TEST_CASE(a_networks_damped_gauss_newton_step_needs_fewer_products_with_it) {
    const Problem problem = bundled_problem("breast-cancer-mlp");
    const auto& model = dynamic_cast<const ModelObjective&>(*problem.objective);
    const Vector w = problem.start(0), g = model.gradient(w);
    const SymmetricOperator gn = model.gauss_newton(w);
    const double mu = 1e-5;
    const NystromApproximation sketch = nystrom_approximation(gn, {.rank = 80});

    const CgResult plain = newton_step_cg(gn, g, {.tolerance = 1e-8, .damping = mu});
    const CgResult fast =
        newton_step_cg(gn, g, {.tolerance = 1e-8, .damping = mu, .preconditioner = nystrom_preconditioner(sketch, mu)});

    BOOST_CHECK(plain.status == CgStatus::converged);
    BOOST_CHECK(fast.status == CgStatus::converged);
    const NewtonStep exact = damped_newton_step(symmetric_eigen(model.dense_gauss_newton(w)), g, mu);
    // |x - exact| <= |(A + mu)^-1| |r|
    BOOST_TEST((fast.x - exact.step).norm() <= 1.1e-8 * g.norm() / mu);
    BOOST_TEST((plain.x - exact.step).norm() <= 1.1e-8 * g.norm() / mu);
    BOOST_TEST(fast.residual <= 1e-8 * g.norm());
    BOOST_TEST_MESSAGE("products: " << plain.products << " without, " << fast.products << " with, and 80");
    BOOST_TEST(3 * fast.products < plain.products);
}

BOOST_AUTO_TEST_CASE(zero_and_one_by_one_operators_are_approximated) {
    const NystromApproximation zero = nystrom_approximation(diagonal_operator(Vector::Zero(5)), {.rank = 3});
    BOOST_TEST((zero.values == Vector::Zero(3)));
    BOOST_TEST((to_dense(nystrom_preconditioner(zero, 2.0)) - Matrix::Identity(5, 5)).norm() <= 16 * eps);
    const NystromApproximation one = nystrom_approximation(diagonal_operator(Vector::Constant(1, 3.0)), {.rank = 1});
    BOOST_TEST(one.values(0) == 3.0, boost::test_tools::tolerance(16 * eps));
}

BOOST_AUTO_TEST_CASE(nystrom_refuses_what_it_cannot_approximate) {
    BOOST_CHECK_EXCEPTION((void)nystrom_approximation(identity_operator(3), {.rank = 4}), std::invalid_argument,
                          says("nystrom_approximation: rank must lie in 1, ..., 3; got 4"));
    // Half of it is negative, as large as the other half.
    const auto measured = [](const std::exception& error) {
        const std::string text = error.what();
        const std::string rule = "nystrom_approximation: the operator must be positive semidefinite to 1e-6; measured "
                                 "v'Av / (|A| v'v); got ";
        return text.starts_with(rule) && std::abs(std::stod(text.substr(rule.size())) + 1.0) < 1e-12;
    };
    BOOST_CHECK_EXCEPTION((void)nystrom_approximation(diagonal_operator(Eigen::Vector2d(-3, 3)), {.rank = 2}),
                          std::invalid_argument, measured);
    const Matrix a = random_matrix(20, 20, 1);
    const SymmetricOperator skew(20, [a](MatrixView v) -> Matrix { return a * v; });
    BOOST_CHECK_THROW((void)nystrom_approximation(skew, {.rank = 5}), std::invalid_argument);
    BOOST_CHECK_EXCEPTION((void)nystrom_preconditioner({Matrix::Identity(2, 1), Vector::Ones(1)}, 0.0),
                          std::invalid_argument, says("nystrom_preconditioner: damping must be positive; got 0"));
    BOOST_CHECK_EXCEPTION((void)effective_dimension(Vector::Constant(1, -1.0), 1.0), std::invalid_argument,
                          says("effective_dimension: eigenvalues must not be negative; got -1"));
}

BOOST_AUTO_TEST_SUITE_END()
