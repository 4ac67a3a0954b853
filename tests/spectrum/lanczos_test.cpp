#include "hessq/spectrum/lanczos.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"

#include <boost/test/unit_test.hpp>

#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <cmath>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(lanczos_process)

namespace {

Matrix dense(const Tridiagonal& t) {
    Matrix m = Matrix::Zero(t.steps(), t.steps());
    m.diagonal() = t.diagonal;
    m.diagonal(1) = m.diagonal(-1) = t.off_diagonal.head(t.steps() - 1);
    return m;
}

/// The share of v'v on the eigenvectors whose eigenvalues are below x, and up to x.
Interval true_shares(const Matrix& a, const Vector& v, double x) {
    const SymmetricEigen eigen = symmetric_eigen(a);
    const Vector w = (eigen.vectors.transpose() * v.normalized()).cwiseAbs2();
    Interval share;
    for (Index i = 0; i < w.size(); ++i) {
        if (eigen.values(i) < x) share.lower += w(i);
        if (eigen.values(i) <= x) share.upper += w(i);
    }
    return share;
}

} // namespace

BOOST_AUTO_TEST_CASE(two_by_two_by_hand) {
    // A = [[2, 1], [1, 2]], v = e_1: T = A, eigenvalues 1 and 3 with weight 1/2 each.
    const SymmetricOperator a = dense_operator(Matrix{{2.0, 1.0}, {1.0, 2.0}});
    const LanczosResult run = lanczos(a, Vector::Unit(2, 0), {.steps = 2});
    const Quadrature rule = gauss_quadrature(run.tridiagonals[0]);
    BOOST_TEST(run.tridiagonals[0].is_exhausted());
    BOOST_TEST((rule.nodes - Eigen::Vector2d(1.0, 3.0)).norm() <= 8 * eps);
    BOOST_TEST((rule.weights - Eigen::Vector2d(0.5, 0.5)).norm() <= 8 * eps);
    BOOST_TEST(run.norm == 3.0, boost::test_tools::tolerance(8 * eps));
    // After one step T = (2), beta = 1. A measure with mean 2 and variance 1 has at least half of itself up to 3 and
    // at most 1/2 up to 1: Cantelli's inequality.
    const LanczosResult one = lanczos(a, Vector::Unit(2, 0), {.steps = 1});
    BOOST_TEST(one.tridiagonals[0].off_diagonal(0) == 1.0);
    const Interval at_zero = distribution_bounds(one.tridiagonals[0], 0.0);
    BOOST_TEST(at_zero.lower == 0.0);
    BOOST_TEST(at_zero.upper == 0.2, boost::test_tools::tolerance(8 * eps)); // 1 / (1 + 2^2)
    const Interval at_five = distribution_bounds(one.tridiagonals[0], 5.0);
    BOOST_TEST(at_five.lower == 0.9, boost::test_tools::tolerance(8 * eps)); // 1 - 1 / (1 + 3^2)
    BOOST_TEST(at_five.upper == 1.0);
}

BOOST_AUTO_TEST_CASE(the_three_term_relation_holds_and_bases_are_orthonormal) {
    const Matrix a = random_symmetric(90, 3);
    const Matrix start = random_matrix(90, 3, 4);
    const LanczosResult run = lanczos(dense_operator(a), start, {.steps = 40, .keep_bases = true});
    BOOST_TEST(run.products == 3 * 40);
    const double rounding = 90 * eps * a.norm();
    for (std::size_t j = 0; j < 3; ++j) {
        const Matrix& q = run.bases[j];
        const Tridiagonal& t = run.tridiagonals[j];
        BOOST_TEST((q.transpose() * q - Matrix::Identity(40, 40)).norm() <= 90 * eps * 4);
        BOOST_TEST((q.col(0) - start.col(static_cast<Index>(j)).normalized()).norm() <= 4 * eps);
        const Matrix residual = a * q - q * dense(t);
        BOOST_TEST(residual.leftCols(39).norm() <= rounding);
        BOOST_TEST(std::abs(residual.col(39).norm() - t.off_diagonal(39)) <= rounding);
        BOOST_TEST((q.transpose() * residual.col(39)).norm() <= rounding);
    }
}

BOOST_AUTO_TEST_CASE(several_start_vectors_go_as_each_alone) {
    const SymmetricOperator a = dense_operator(random_symmetric(70, 5));
    const Matrix start = random_matrix(70, 2, 6);
    const LanczosResult both = lanczos(a, start, {.steps = 12});
    for (Index j = 0; j < 2; ++j) {
        const LanczosResult alone = lanczos(a, start.col(j), {.steps = 12});
        BOOST_TEST((alone.tridiagonals[0].diagonal - both.tridiagonals[static_cast<std::size_t>(j)].diagonal).norm() <=
                   1e-10);
    }
}

BOOST_AUTO_TEST_CASE(the_rule_is_exact_up_to_its_degree_and_at_full_order_for_everything) {
    const Matrix a = random_symmetric(20, 7) / 5.0;
    const Vector v = random_matrix(20, 1, 8);
    const LanczosResult five = lanczos(dense_operator(a), v, {.steps = 5});
    const Quadrature rule = gauss_quadrature(five.tridiagonals[0]);
    Vector power = v.normalized();
    for (int degree = 0; degree <= 9; ++degree) {
        BOOST_TEST(std::abs(rule.weights.dot(rule.nodes.array().pow(degree).matrix()) - v.normalized().dot(power)) <=
                   1e-12);
        power = a * power;
    }
    const LanczosResult full = lanczos(dense_operator(a), v, {.steps = 20});
    BOOST_TEST((gauss_quadrature(full.tridiagonals[0]).nodes - symmetric_eigenvalues(a)).norm() <= 20 * 8 * eps);
}

BOOST_AUTO_TEST_CASE(rules_agree_with_the_dense_eigenvectors_of_T) {
    for (const Index k : {1, 2, 3, 30, 100}) {
        Tridiagonal t{normal_vector(RandomStream(9, 0), k), normal_vector(RandomStream(9, 1), k).cwiseAbs()};
        if (k == 30) t.off_diagonal(14) = t.off_diagonal(15) = 0.0; // falls apart
        if (k == 100) t.diagonal.head(50).setZero();                // a cluster at zero
        if (k == 100) t.off_diagonal.head(50).setConstant(1e-13);
        const SymmetricEigen exact = symmetric_eigen(dense(t));
        const Quadrature rule = gauss_quadrature(t);
        BOOST_TEST((rule.nodes - exact.values).cwiseAbs().maxCoeff() <= 100 * eps * 4);
        BOOST_TEST(rule.weights.sum() == 1.0, boost::test_tools::tolerance(100 * eps));
        if (k < 100)
            BOOST_TEST((rule.weights - exact.vectors.row(0).transpose().cwiseAbs2()).cwiseAbs().maxCoeff() <= 1e-12);
    }
}

BOOST_AUTO_TEST_CASE(bounds_hold_at_every_place_and_close_with_the_steps, *boost::unit_test::label("slow")) {
    const Index n = 60;
    Vector values = Vector::LinSpaced(n, -1.0, 1.0);
    values.head(12).setZero(); // a jump
    values(n - 1) = 10.0;      // an outlier
    const Matrix a = with_spectrum(values, 10);
    const Vector v = random_matrix(n, 1, 11);
    double width_before = 2.0;
    for (const Index steps : {1, 2, 5, 10, 20, 40}) {
        const Tridiagonal t = lanczos(dense_operator(a), v, {.steps = steps}).tridiagonals[0];
        const Vector nodes = gauss_quadrature(t).nodes;
        double width = 0.0;
        Vector places(131 + nodes.size());
        places << Vector::LinSpaced(131, -2.0, 11.0), nodes;
        for (const double x : places) {
            const Interval below = distribution_bounds(t, x - 1e-12), above = distribution_bounds(t, x + 1e-12);
            const Interval truth = true_shares(a, v, x);
            BOOST_TEST(below.lower <= truth.upper + 1e-12);
            BOOST_TEST(above.upper >= truth.lower - 1e-12);
            BOOST_TEST(below.lower <= below.upper);
            width += (above.upper - below.lower) / static_cast<double>(places.size());
        }
        BOOST_TEST(width < width_before);
        width_before = width;
    }
    // Between the bulk and the outlier, which has converged, nothing is left open.
    const Tridiagonal t = lanczos(dense_operator(a), v, {.steps = 20}).tridiagonals[0];
    const Interval gap = distribution_bounds(t, 5.0);
    BOOST_TEST(gap.upper - gap.lower <= 1e-12);
    BOOST_TEST(gap.lower == true_shares(a, v, 5.0).lower, boost::test_tools::tolerance(1e-10));
}

BOOST_AUTO_TEST_CASE(an_invariant_space_ends_and_the_others_go_on) {
    Vector d = Vector::LinSpaced(50, 1.0, 2.0);
    d.head(20).setConstant(-3.0);
    Matrix start(50, 2);
    start << Vector::Unit(50, 0) + Vector::Unit(50, 30), Vector::Ones(50);
    const LanczosResult run = lanczos(diagonal_operator(d), start, {.steps = 10, .keep_bases = true});
    BOOST_TEST(run.tridiagonals[0].steps() == 2);
    BOOST_TEST(run.tridiagonals[0].is_exhausted());
    BOOST_TEST(run.tridiagonals[1].steps() == 10);
    BOOST_TEST(!run.tridiagonals[1].is_exhausted());
    BOOST_TEST(run.products == 2 + 10);
    BOOST_TEST(run.bases[0].cols() == 2);
    BOOST_TEST(run.bases[1].cols() == 10);
    const Interval between = distribution_bounds(run.tridiagonals[0], 0.0);
    BOOST_TEST(between.lower == 0.5, boost::test_tools::tolerance(8 * eps));
    BOOST_TEST(between.upper == 0.5, boost::test_tools::tolerance(8 * eps));
    // The zero matrix ends at once.
    const LanczosResult zero = lanczos(diagonal_operator(Vector::Zero(50)), Vector::Ones(50), {.steps = 5});
    BOOST_TEST(zero.tridiagonals[0].steps() == 1);
    BOOST_TEST(zero.norm == 0.0);
    BOOST_TEST(distribution_bounds(zero.tridiagonals[0], -1.0).upper == 0.0);
    BOOST_TEST(distribution_bounds(zero.tridiagonals[0], 1.0).lower == 1.0);
}

BOOST_AUTO_TEST_CASE(each_start_vector_stops_when_it_is_finished) {
    Matrix start = random_matrix(40, 2, 13);
    start.col(1).tail(30).setZero();
    const Vector d = Vector::LinSpaced(40, 1.0, 40.0);
    Index calls = 0;
    const LanczosResult run =
        lanczos(diagonal_operator(d), start, {.steps = 30, .finished = [&](const Tridiagonal& t) {
                                                  ++calls;
                                                  // Only the second sees the small ones alone.
                                                  return t.steps() == (t.diagonal(0) < 11.0 ? 4 : 7);
                                              }});
    BOOST_TEST(run.tridiagonals[0].steps() == 7);
    BOOST_TEST(run.tridiagonals[1].steps() == 4);
    BOOST_TEST(run.products == 11);
    BOOST_TEST(calls == 11);
}

BOOST_AUTO_TEST_CASE(start_vectors_with_a_matrix_each_take_the_steps_that_each_alone_would) {
    Matrix h = Matrix::Zero(40, 40);
    h.topLeftCorner(3, 3) = random_symmetric(3, 14);
    h.bottomRightCorner(37, 37) = random_symmetric(37, 15);
    const Matrix d = random_matrix(40, 3, 16).cwiseAbs();
    const auto scaled = [&](Index j) -> Matrix { return d.col(j).asDiagonal() * h * d.col(j).asDiagonal(); };
    // The second space is invariant after 3 steps, so the columns of a block change their places.
    Matrix start = random_matrix(40, 3, 17);
    start.col(1).tail(37).setZero();
    const LanczosResult run = lanczos(
        [&](MatrixView v, const std::vector<Index>& which) {
            Matrix product(v.rows(), v.cols());
            for (Index g = 0; g < v.cols(); ++g) product.col(g) = scaled(which[static_cast<std::size_t>(g)]) * v.col(g);
            return product;
        },
        start, {.steps = 12});
    for (Index j = 0; j < 3; ++j) {
        const Tridiagonal alone = lanczos(dense_operator(scaled(j)), start.col(j), {.steps = 12}).tridiagonals[0];
        const Tridiagonal& t = run.tridiagonals[static_cast<std::size_t>(j)];
        BOOST_TEST(t.steps() == (j == 1 ? 3 : 12));
        BOOST_REQUIRE(t.steps() == alone.steps());
        BOOST_TEST((t.diagonal - alone.diagonal).norm() < 1e-10 * alone.diagonal.norm());
    }
}

BOOST_AUTO_TEST_CASE(the_same_bytes_on_one_thread_and_on_four) {
    const Vector d = normal_vector(RandomStream(13, 0), 20000);
    const Matrix start = random_matrix(20000, 3, 14);
    const auto run = [&](int threads) {
        const ThreadLimit limit(threads);
        return lanczos(diagonal_operator(d), start, {.steps = 6});
    };
    const LanczosResult one = run(1), four = run(4);
    for (std::size_t j = 0; j < 3; ++j) {
        BOOST_TEST((one.tridiagonals[j].diagonal == four.tridiagonals[j].diagonal));
        BOOST_TEST((one.tridiagonals[j].off_diagonal == four.tridiagonals[j].off_diagonal));
    }
}

BOOST_AUTO_TEST_CASE(lanczos_refuses_what_cannot_be_done) {
    const SymmetricOperator a = identity_operator(3);
    BOOST_CHECK_EXCEPTION((void)lanczos(a, Vector::Ones(3), {.steps = 0}), std::invalid_argument,
                          says("lanczos: steps must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION((void)lanczos(a, Vector::Ones(2)), std::invalid_argument,
                          says("lanczos: a start vector must have 3 entries; got 2"));
    BOOST_CHECK_EXCEPTION((void)lanczos(a, Vector::Zero(3)), std::invalid_argument,
                          says("lanczos: no start vector may be zero; zero is number; got 0"));
    const SymmetricOperator broken(
        3, [](MatrixView v) -> Matrix { return v * NAN; }, "broken");
    BOOST_CHECK_EXCEPTION((void)lanczos(broken, Vector::Ones(3)), NumericalError,
                          says("lanczos, product 1: broken product is not finite: entry 0 is nan"));
}

BOOST_AUTO_TEST_CASE(an_operator_that_is_not_symmetric_is_refused) {
    const Matrix symmetric = random_symmetric(80, 21), skew = random_matrix(80, 80, 22);
    for (const double share : {1.0, 1e-3})
        for (std::uint64_t seed = 0; seed < 20; ++seed) {
            const Matrix a = symmetric + share * skew;
            const SymmetricOperator op(80, [a](MatrixView v) -> Matrix { return a * v; });
            BOOST_CHECK_EXCEPTION((void)lanczos(op, random_matrix(80, 1, seed), {.steps = 20}), std::invalid_argument,
                                  begins_with("lanczos: the operator must be symmetric to 1e-6; measured |A - A'| / "
                                              "|A|; got "));
        }
    // Rounding of products by differences is not taken for that.
    const SymmetricOperator rough(80,
                                  [symmetric, skew](MatrixView v) -> Matrix { return (symmetric + 1e-9 * skew) * v; });
    BOOST_TEST(lanczos(rough, random_matrix(80, 2, 1), {.steps = 80}).products == 160);
}

BOOST_AUTO_TEST_CASE(neither_the_length_of_the_start_nor_the_size_of_the_matrix_matters) {
    const Matrix a = random_symmetric(30, 23), start = random_matrix(30, 2, 24);
    const LanczosResult usual = lanczos(dense_operator(a), start, {.steps = 12});
    for (const double length : {1e-300, 1e-170, 1e154, 1e300}) {
        const LanczosResult run = lanczos(dense_operator(a), length * start, {.steps = 12});
        BOOST_TEST((run.tridiagonals[1].off_diagonal - usual.tridiagonals[1].off_diagonal).norm() <=
                   30 * eps * a.norm());
    }
    for (const double size : {0x1p-900, 0x1p-600, 0x1p600, 0x1p900}) {
        const LanczosResult run = lanczos(dense_operator(size * a), start, {.steps = 12});
        BOOST_TEST(run.norm == size * usual.norm, boost::test_tools::tolerance(30 * eps));
        for (std::size_t j = 0; j < 2; ++j)
            for (const double x : {-2.0, 0.3, 5.0}) {
                const Interval bounds = distribution_bounds(run.tridiagonals[j], size * x),
                               expected = distribution_bounds(usual.tridiagonals[j], x);
                BOOST_TEST(std::abs(bounds.lower - expected.lower) <= 1e-10);
                BOOST_TEST(std::abs(bounds.upper - expected.upper) <= 1e-10);
            }
    }
}

BOOST_AUTO_TEST_SUITE_END()
