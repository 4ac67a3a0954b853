#include "hessq/spectrum/eigenpairs.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "hessq/objectives/problems.hpp"

#include <boost/test/unit_test.hpp>

#include "spectra.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(eigenpairs)

namespace {

SymmetricOperator chain(Index n) {
    Matrix a = 2.0 * Matrix::Identity(n, n);
    a.diagonal(1).setConstant(-1.0);
    a.diagonal(-1).setConstant(-1.0);
    return dense_operator(a, "chain");
}

// The claims that every result makes, checked against the matrix.
void check_pairs(const Matrix& a, const Eigenpairs& pairs) {
    const Index k = pairs.values.size();
    const double rounding = static_cast<double>(a.rows()) * eps;
    BOOST_TEST((pairs.vectors.transpose() * pairs.vectors - Matrix::Identity(k, k)).norm() <= rounding * 4);
    const Vector measured = (a * pairs.vectors - pairs.vectors * pairs.values.asDiagonal()).colwise().norm();
    BOOST_TEST((measured - pairs.residuals).cwiseAbs().maxCoeff() <= rounding * a.norm());
}

} // namespace

BOOST_AUTO_TEST_CASE(a_diagonal_matrix_gives_its_largest_and_smallest_entries) {
    const Vector d = Vector::LinSpaced(200, 1.0, 200.0);

    const ExtremeEigenpairs found = extreme_eigenpairs(diagonal_operator(d), {.top = 3, .bottom = 2});

    BOOST_TEST(found.converged);
    // A value is within its residual of an eigenvalue, and here within residual^2 / gap.
    BOOST_TEST((found.top.values - Eigen::Vector3d(200, 199, 198)).cwiseAbs().maxCoeff() <= 200 * 200 * eps);
    BOOST_TEST((found.bottom.values - Eigen::Vector2d(1, 2)).cwiseAbs().maxCoeff() <= 200 * 200 * eps);
    BOOST_TEST(found.top.residuals.maxCoeff() <= 1e-10 * 200);
    // sin of the angle <= residual / gap
    BOOST_TEST(std::abs(found.top.vectors(199, 0)) >= 1.0 - 1e-10 * 200);
    BOOST_TEST(found.norm == 200.0, boost::test_tools::tolerance(200 * eps));
}

BOOST_AUTO_TEST_CASE(both_ends_agree_with_the_dense_solver) {
    const Matrix a = random_symmetric(150, 4);
    const Vector exact = symmetric_eigenvalues(a);

    const ExtremeEigenpairs found = extreme_eigenpairs(dense_operator(a), {.top = 6, .bottom = 4});

    BOOST_TEST(found.converged);
    const double tolerance = 150 * eps * a.norm();
    BOOST_TEST((found.top.values - exact.tail(6).reverse()).cwiseAbs().maxCoeff() <= tolerance);
    BOOST_TEST((found.bottom.values - exact.head(4)).cwiseAbs().maxCoeff() <= tolerance);
    check_pairs(a, found.top);
    check_pairs(a, found.bottom);
}

BOOST_AUTO_TEST_CASE(a_zero_eigenvalue_converges_like_any_other) {
    const Matrix x = random_matrix(150, 100, 5);
    const Matrix a = x * x.transpose();

    const ExtremeEigenpairs found = extreme_eigenpairs(dense_operator(a), {.top = 0, .bottom = 1});

    BOOST_TEST(found.converged);
    BOOST_TEST(std::abs(found.bottom.values(0)) <= 150 * eps * a.norm());
    BOOST_TEST(found.top.values.size() == 0);
    BOOST_TEST(found.top.vectors.rows() == 150);
}

BOOST_AUTO_TEST_CASE(zeros_are_counted) {
    // 50 zero eigenvalues: one start vector is sure to find one of them only.
    const Matrix x = random_matrix(150, 100, 5);
    const Matrix a = x * x.transpose();
    const Vector exact = symmetric_eigenvalues(a);

    const ExtremeEigenpairs found = extreme_eigenpairs(dense_operator(a), {.top = 0, .bottom = 3});

    BOOST_TEST(found.converged);
    BOOST_TEST(found.certified);
    check_pairs(a, found.bottom);
    BOOST_TEST(found.bottom.values.cwiseAbs().maxCoeff() <= 150 * eps * a.norm());
}

BOOST_AUTO_TEST_CASE(what_is_certified_is_right_and_small_operators_are_certified_throughout,
                     *boost::unit_test::label("slow")) {
    for (const HardSpectrum& hard : hard_spectra(200))
        for (const std::uint64_t seed : {0u, 1u}) {
            BOOST_TEST_CONTEXT(hard.name << ", seed " << seed) {
                const Vector exact = hard.values(seed);
                const SymmetricOperator a = seed == 0 ? diagonal_operator(exact) : reflected(exact, seed);
                const ExtremeEigenpairs found =
                    extreme_eigenpairs(a, {.top = hard.top, .bottom = hard.bottom, .seed = seed});
                BOOST_TEST(found.certified);
                BOOST_TEST(found.converged);
                BOOST_TEST(worst_promise(found, exact, 1e-10) <= 1.0);
            }
        }
}

BOOST_AUTO_TEST_CASE(a_copy_that_the_start_vectors_do_not_know_of_is_found_by_the_examination) {
    // Too large for the dense route. The start knows one vector of each level: nothing asks for the others.
    constexpr Index n = 3200;
    const Vector exact = with_multiplicities(n, {2, 3, 1, 1}, 0.3, 3, false);
    const SymmetricOperator a = diagonal_operator(exact);
    Matrix start = Matrix::Zero(n, 4);
    const std::vector<Index> known = {n - 1, n - 3, n - 6, n - 7};
    for (Index j = 0; j < 4; ++j) start(known[static_cast<std::size_t>(j)], j) = 1.0;

    EigenpairsOptions options{.top = 4, .bottom = 0, .certify = false, .start = start};
    const ExtremeEigenpairs missed = extreme_eigenpairs(a, options);
    BOOST_TEST(missed.converged);
    BOOST_TEST(!missed.certified);
    const Vector levels = Eigen::Vector4d(2.2, 1.9, 1.6, 1.3);
    BOOST_TEST((missed.top.values - levels).norm() <= n * eps * 4);

    options.certify = true;
    const ExtremeEigenpairs found = extreme_eigenpairs(a, options);
    BOOST_TEST(found.certified);
    BOOST_TEST(found.products < n);
    BOOST_TEST((found.top.values - Eigen::Vector4d(2.2, 2.2, 1.9, 1.9)).norm() <= n * eps * 4);
    BOOST_TEST(worst_promise(found, exact, 1e-10) <= 1.0);
}

BOOST_AUTO_TEST_CASE(where_the_products_run_out_nothing_more_is_certified, *boost::unit_test::label("slow")) {
    // The gap below the first eigenvalue is 1/2, below the second 1/3200.
    constexpr Index n = 3200;
    Vector exact = Vector::LinSpaced(n, 0.0, 1.0);
    exact(n - 1) = 1.5;
    const SymmetricOperator a = reflected(exact, 1);
    for (const Index products : {500, 2000}) {
        const ExtremeEigenpairs found =
            extreme_eigenpairs(a, {.top = 2, .bottom = 0, .tolerance = 1e-4, .max_products = products});
        BOOST_TEST(found.converged);
        BOOST_TEST(found.certified == (products == 2000));
        BOOST_TEST((found.top.certified == std::vector<bool>{true, products == 2000}));
        BOOST_TEST(found.products <= products);
        BOOST_TEST(worst_promise(found, exact, 1e-4) <= 1.0);
    }
}

BOOST_AUTO_TEST_CASE(the_zeros_of_a_softmax_networks_gauss_newton_matrix_are_counted,
                     *boost::unit_test::label("slow")) {
    // Shifting the ten logits of every feature and of the bias alike changes nothing: 65 zeros, and 3 pixels are
    // never lit. Between them and the rest there is no gap.
    const Problem problem = bundled_problem("digits-softmax");
    const auto& model = dynamic_cast<const ModelObjective&>(*problem.objective);
    const SymmetricOperator a = model.gauss_newton(problem.start(0));
    const ExtremeEigenpairs found = extreme_eigenpairs(a, {.top = 2, .bottom = 8});
    BOOST_TEST(found.certified);
    BOOST_TEST(found.bottom.values.cwiseAbs().maxCoeff() <= 650 * eps * found.norm);
}

BOOST_AUTO_TEST_CASE(start_vectors_from_the_last_point_of_a_trajectory_save_products) {
    const Problem problem = bundled_problem("breast-cancer-mlp");
    const FiniteSumObjective& objective = *problem.objective;
    Vector w = problem.start(0);
    for (int t = 0; t < 20; ++t) w -= 0.1 * objective.gradient(w);
    EigenpairsOptions options{.top = 3, .bottom = 0, .tolerance = 1e-3, .certify = false};
    const ExtremeEigenpairs before = extreme_eigenpairs(objective.hessian(w), options);
    w -= 0.01 * objective.gradient(w);

    const SymmetricOperator h = objective.hessian(w);
    const ExtremeEigenpairs cold = extreme_eigenpairs(h, options);
    options.start = before.top.vectors;
    const ExtremeEigenpairs warm = extreme_eigenpairs(h, options);

    BOOST_TEST(cold.converged);
    BOOST_TEST(warm.converged);
    BOOST_TEST(2 * warm.products < cold.products);
    BOOST_TEST((warm.top.values - cold.top.values).cwiseAbs().maxCoeff() <= 2e-3 * cold.norm);
    check_pairs(to_dense(h), warm.top);
}

BOOST_AUTO_TEST_CASE(the_scale_of_the_operator_does_not_matter) {
    const Matrix a = random_symmetric(120, 6);
    const Vector exact = symmetric_eigenvalues(a);
    for (const double scale : {1e-14, -1.0, 1e12}) {
        const ExtremeEigenpairs found =
            extreme_eigenpairs(dense_operator(scale * a), {.top = 2, .bottom = 2, .tolerance = 1e-9});
        BOOST_TEST(found.converged);
        const double largest = scale > 0.0 ? exact(119) : exact(0);
        BOOST_TEST(found.top.values(0) == scale * largest, boost::test_tools::tolerance(120 * 8 * eps));
    }
}

BOOST_AUTO_TEST_CASE(a_definite_operator_has_both_ends_on_one_side) {
    const ExtremeEigenpairs found =
        extreme_eigenpairs(diagonal_operator(-Vector::LinSpaced(100, 1.0, 2.0)), {.top = 1, .bottom = 1});
    BOOST_TEST(found.converged);
    BOOST_TEST(found.top.values(0) == -1.0, boost::test_tools::tolerance(100 * eps));
    BOOST_TEST(found.bottom.values(0) == -2.0, boost::test_tools::tolerance(100 * eps));
}

BOOST_AUTO_TEST_CASE(identity_and_zero_end_the_krylov_space_at_once_and_still_answer) {
    const ExtremeEigenpairs identity = extreme_eigenpairs(identity_operator(100), {.top = 2, .bottom = 2});
    BOOST_TEST(identity.converged);
    BOOST_TEST((identity.top.values.array() - 1.0).abs().maxCoeff() <= 100 * eps);
    BOOST_TEST((identity.bottom.values.array() - 1.0).abs().maxCoeff() <= 100 * eps);
    check_pairs(Matrix::Identity(100, 100), identity.top);

    const ExtremeEigenpairs zero = extreme_eigenpairs(diagonal_operator(Vector::Zero(100)), {.top = 2, .bottom = 1});
    BOOST_TEST(zero.converged);
    BOOST_TEST((zero.top.values == Vector::Zero(2)));
    BOOST_TEST(zero.norm == 0.0);
    BOOST_TEST(zero.certified);
    check_pairs(Matrix::Zero(100, 100), zero.top);
}

BOOST_AUTO_TEST_CASE(small_operators_are_solved_densely_with_their_multiplicities) {
    const ExtremeEigenpairs found =
        extreme_eigenpairs(dense_operator(Matrix::Ones(4, 4) + Matrix::Identity(4, 4)), {.top = 4, .bottom = 3});
    BOOST_TEST((found.top.values - Eigen::Vector4d(5, 1, 1, 1)).cwiseAbs().maxCoeff() <= 4 * 5 * eps);
    BOOST_TEST((found.bottom.values - Eigen::Vector3d(1, 1, 1)).cwiseAbs().maxCoeff() <= 4 * 5 * eps);
    BOOST_TEST(found.converged);
    BOOST_TEST(found.products == 4 + 4 + 3);
    BOOST_TEST(found.certified);

    const ExtremeEigenpairs one =
        extreme_eigenpairs(dense_operator(Matrix::Constant(1, 1, -3.0)), {.top = 1, .bottom = 1});
    BOOST_TEST(one.top.values(0) == -3.0);
    BOOST_TEST(one.bottom.values(0) == -3.0);
    BOOST_TEST(one.certified);
}

BOOST_AUTO_TEST_CASE(an_exhausted_budget_is_reported_with_true_residuals) {
    const SymmetricOperator a = chain(500);
    const Matrix neighbors = random_matrix(500, 3, 1);
    for (const Index products : {23, 30, 60})
        for (const bool warm : {false, true}) {
            const ExtremeEigenpairs found = extreme_eigenpairs(
                a, {.top = 2, .bottom = 2, .max_products = products, .start = warm ? Matrix(neighbors) : Matrix()});
            BOOST_TEST(!found.converged);
            BOOST_TEST(found.products <= products);
            BOOST_TEST(found.top.values.size() == 2);
            check_pairs(to_dense(a), found.top);
            check_pairs(to_dense(a), found.bottom);
        }
    const ExtremeEigenpairs found = extreme_eigenpairs(a, {.top = 2, .bottom = 2, .max_products = 60});
    // Within its residual of one of 2 - 2 cos(k pi / 501)
    const Vector exact = symmetric_eigenvalues(to_dense(a));
    for (Index k = 0; k < 2; ++k)
        BOOST_TEST((exact.array() - found.top.values(k)).abs().minCoeff() <= found.top.residuals(k) + 500 * eps);
}

BOOST_AUTO_TEST_CASE(restarts_lose_nothing, *boost::unit_test::label("slow")) {
    // 500 eigenvalues, the ends 1e-5 of the width apart: far more products than the basis has columns.
    const SymmetricOperator a = chain(500);
    const Vector exact = symmetric_eigenvalues(to_dense(a));

    const ExtremeEigenpairs found = extreme_eigenpairs(a, {.top = 3, .bottom = 2});

    BOOST_TEST(found.converged);
    BOOST_TEST(found.products > 2 * (2 * 5 + 40));
    BOOST_TEST((found.top.values - exact.tail(3).reverse()).cwiseAbs().maxCoeff() <= 500 * 4 * eps);
    BOOST_TEST((found.bottom.values - exact.head(2)).cwiseAbs().maxCoeff() <= 500 * 4 * eps);
    check_pairs(to_dense(a), found.top);
    check_pairs(to_dense(a), found.bottom);
}

BOOST_AUTO_TEST_CASE(an_operator_of_low_rank_exhausts_its_krylov_space_and_goes_on) {
    Vector d = Vector::Zero(200);
    d.head(3) << 5.0, -2.0, 1.0;
    const ExtremeEigenpairs found = extreme_eigenpairs(diagonal_operator(d), {.top = 3, .bottom = 2});
    BOOST_TEST(found.converged);
    BOOST_TEST((found.top.values - Eigen::Vector3d(5, 1, 0)).cwiseAbs().maxCoeff() <= 200 * 5 * eps);
    BOOST_TEST((found.bottom.values - Eigen::Vector2d(-2, 0)).cwiseAbs().maxCoeff() <= 200 * 5 * eps);
    check_pairs(d.asDiagonal(), found.top);
    check_pairs(d.asDiagonal(), found.bottom);
}

BOOST_AUTO_TEST_CASE(the_norm_is_the_outer_end_whichever_that_is) {
    for (const Index n : {5, 64, 65, 300}) {
        const Matrix a = random_symmetric(n, static_cast<std::uint64_t>(n));
        const Vector exact = symmetric_eigenvalues(a).cwiseAbs();
        for (const double sign : {1.0, -1.0, 1e-30}) {
            const SpectralNorm norm = spectral_norm(dense_operator(sign * a));
            BOOST_TEST(norm.converged);
            BOOST_TEST(norm.residual <= 1e-10 * norm.value);
            BOOST_TEST(norm.value == std::abs(sign) * exact.maxCoeff(),
                       boost::test_tools::tolerance(static_cast<double>(n) * 8 * eps));
        }
    }
    BOOST_TEST(spectral_norm(diagonal_operator(Vector::Zero(100))).value == 0.0);
    BOOST_TEST(spectral_norm(diagonal_operator(Vector::Zero(100))).converged);
}

BOOST_AUTO_TEST_CASE(the_norm_tells_two_ends_of_nearly_the_same_size_apart) {
    for (const double low : {-1.0 - 1e-3, -1.0, -1.0 + 1e-3}) {
        Vector d = Vector::LinSpaced(200, low, 1.0);
        BOOST_TEST(spectral_norm(diagonal_operator(d)).value == std::max(1.0, -low),
                   boost::test_tools::tolerance(200 * eps));
    }
}

BOOST_AUTO_TEST_CASE(the_norm_does_not_wait_for_the_end_that_does_not_matter) {
    // The bottom is a crowd near zero, the top stands alone.
    Vector d = Vector::LinSpaced(400, -0.01, 1.0);
    d(399) = 5.0;
    const SymmetricOperator a = diagonal_operator(d);
    const SpectralNorm norm = spectral_norm(a);
    BOOST_TEST(norm.value == 5.0, boost::test_tools::tolerance(400 * eps));
    BOOST_TEST(2 * norm.products < extreme_eigenpairs(a, {.top = 1, .bottom = 1}).products);
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_bytes_on_one_thread_and_on_four) {
    const SymmetricOperator a = dense_operator(random_symmetric(130, 7));
    const auto solve = [&](int threads) {
        const ThreadLimit limit(threads);
        return extreme_eigenpairs(a, {.top = 3, .bottom = 3, .seed = 11});
    };
    const ExtremeEigenpairs one = solve(1), four = solve(4);
    BOOST_TEST((one.top.values == four.top.values));
    BOOST_TEST((one.bottom.vectors == four.bottom.vectors));
    BOOST_TEST(one.products == four.products);
}

BOOST_AUTO_TEST_CASE(eigenpairs_refuse_what_cannot_be_asked) {
    const SymmetricOperator a = identity_operator(3);
    BOOST_CHECK_EXCEPTION((void)extreme_eigenpairs(a, {.top = 4}), std::invalid_argument,
                          says("extreme_eigenpairs: top must lie in 0, ..., 3; got 4"));
    BOOST_CHECK_EXCEPTION((void)extreme_eigenpairs(a, {.top = 1, .bottom = -1}), std::invalid_argument,
                          says("extreme_eigenpairs: bottom must lie in 0, ..., 3; got -1"));
    BOOST_CHECK_EXCEPTION((void)extreme_eigenpairs(a, {.top = 0, .bottom = 0}), std::invalid_argument,
                          says("extreme_eigenpairs: top and bottom must not both be 0; got 0"));
    BOOST_CHECK_EXCEPTION((void)extreme_eigenpairs(a, {.top = 1, .bottom = 1, .tolerance = 0.0}), std::invalid_argument,
                          says("extreme_eigenpairs: tolerance must be positive; got 0"));
    BOOST_CHECK_EXCEPTION((void)extreme_eigenpairs(a, {.top = 1, .bottom = 1, .max_products = 0}),
                          std::invalid_argument,
                          says("extreme_eigenpairs: max_products must be at least 5 for these pairs; got 0"));
    BOOST_CHECK_EXCEPTION((void)extreme_eigenpairs(chain(500), {.top = 1, .bottom = 1, .max_products = 15}),
                          std::invalid_argument,
                          says("extreme_eigenpairs: max_products must be at least 16 for these pairs; got 15"));
    BOOST_CHECK_EXCEPTION((void)spectral_norm(a, 0.0), std::invalid_argument,
                          says("spectral_norm: tolerance must be positive; got 0"));
    const SymmetricOperator broken(
        100, [](MatrixView v) -> Matrix { return v * NAN; }, "broken");
    BOOST_CHECK_EXCEPTION(
        (void)extreme_eigenpairs(broken), NumericalError,
        says("extreme_eigenpairs, products 1 to 2: broken product is not finite: entry (0, 0) is nan"));
    BOOST_CHECK_EXCEPTION((void)extreme_eigenpairs(a, {.top = 1, .bottom = 1, .start = Matrix::Ones(2, 1)}),
                          std::invalid_argument, says("extreme_eigenpairs: start must have 3 rows; got 2"));
}

BOOST_AUTO_TEST_CASE(an_operator_that_is_not_symmetric_is_refused_with_the_measured_asymmetry) {
    const Matrix skew = random_matrix(200, 200, 9), symmetric = random_symmetric(200, 8);
    for (const Index n : {40, 200})
        for (const double share : {1.0, 1e-4}) {
            const Matrix a = symmetric.topLeftCorner(n, n) + share * skew.topLeftCorner(n, n);
            const double truth = (a - a.transpose()).norm() / a.norm();
            const SymmetricOperator op(n, [a](MatrixView v) -> Matrix { return a * v; });
            const std::string expected = "extreme_eigenpairs: the operator must be symmetric to 1e-6; measured "
                                         "|A - A'| / |A|; got ";
            // One pair of vectors measures the asymmetry to an order of magnitude.
            const auto measured = [&](const std::exception& error) {
                const std::string text = error.what();
                if (!text.starts_with(expected)) return false;
                const double value = std::stod(text.substr(expected.size()));
                return value > 0.01 * truth && value < 10.0 * truth;
            };
            BOOST_CHECK_EXCEPTION((void)extreme_eigenpairs(op), std::invalid_argument, measured);
        }
}

BOOST_AUTO_TEST_CASE(the_size_of_the_matrix_does_not_matter) {
    for (const Index n : {20, 200}) {
        const Vector exact = Vector::LinSpaced(n, -1.0, 2.0);
        for (const double size : {0x1p-900, 0x1p-300, 0x1p300, 0x1p900}) {
            const SymmetricOperator a = diagonal_operator(size * exact);
            const ExtremeEigenpairs found = extreme_eigenpairs(a, {.top = 2, .bottom = 1});
            BOOST_TEST(found.certified);
            BOOST_TEST(found.converged);
            BOOST_TEST((found.top.values / size - exact.tail(2).reverse()).norm() <= 1e-10);
            BOOST_TEST(std::abs(found.bottom.values(0) / size + 1.0) <= 1e-10);
            BOOST_TEST(found.top.residuals.maxCoeff() <= 1e-10 * 2.0 * size);
            BOOST_TEST(found.norm == 2.0 * size, boost::test_tools::tolerance(1e-10));
            BOOST_TEST(spectral_norm(a).value == 2.0 * size, boost::test_tools::tolerance(1e-10));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
