#include "hessq/preconditioners/full_matrix.hpp"

#include "hessq/core/outer_product.hpp"
#include "hessq/operators/second_moment.hpp"
#include "hessq/preconditioners/adaptive.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"
#include "support/preconditioner_laws.hpp"

#include <boost/test/unit_test.hpp>
#include <stdexcept>

using namespace hessq;
using hessq::laws::check_preconditioner_laws;
using hessq::laws::distance;
using hessq::laws::varied_gradient;
using hessq::test::eps;
using hessq::test::random_matrix;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(full_matrix)

namespace {

constexpr Index n = 6;

} // namespace

BOOST_AUTO_TEST_CASE(few_and_many_gradients_obey_the_laws) {
    for (const Index steps : {3, 11}) {
        const auto p = full_matrix_preconditioner(random_matrix(n, steps, 4), {.eps = 1e-2});
        BOOST_TEST(p->name() == "full_matrix");
        check_preconditioner_laws(*p, n);
    }
}

BOOST_AUTO_TEST_CASE(the_full_matrix_is_the_root_of_the_second_moment) {
    // Columns along the axes: F F' = diag(9, 16, 0), and the root has 3, 4, 0.
    const Matrix f = (Matrix(3, 2) << 3, 0, 0, 4, 0, 0).finished();
    const Matrix matrix = to_dense(full_matrix_preconditioner(f, {.eps = 0.5})->matrix());
    const Matrix expected = Eigen::Vector3d(3.5, 4.5, 0.5).asDiagonal();
    BOOST_TEST(distance(matrix, expected) <= 20 * eps);

    for (const Index steps : {1, 4, 6, 20}) {
        const Matrix factor = random_matrix(n, steps, 7);
        const Matrix root =
            to_dense(full_matrix_preconditioner(factor, {.eps = 1e-9})->matrix()) - 1e-9 * Matrix::Identity(n, n);
        BOOST_TEST(distance(root * root, outer_product(factor)) <= 100 * n * eps);
    }
}

BOOST_AUTO_TEST_CASE(a_full_matrix_of_fewer_gradients_than_parameters_has_an_accurate_inverse) {
    // Singular values 1, ..., 1e-6 with eps = 1e-8: the Gram matrix would have lost the last ones' directions.
    const Index steps = 4;
    const Matrix basis = test::orthonormal_basis(random_matrix(n, n, 8));
    const Vector sigma = (Vector(steps) << 1.0, 1e-2, 1e-4, 1e-6).finished();
    const Matrix mix = test::orthonormal_basis(random_matrix(steps, steps, 9));
    const Matrix factor = basis.leftCols(steps) * sigma.asDiagonal() * mix.transpose();
    const auto p = full_matrix_preconditioner(factor, {.eps = 1e-8});
    const Matrix product = p->inverse() * (p->matrix() * Matrix::Identity(n, n));
    // Condition 1e8: 16 digits less 8.
    BOOST_TEST((product - Matrix::Identity(n, n)).cwiseAbs().maxCoeff() <= 1e8 * 20 * n * eps);
    // Squaring costs the small one of 1e-6 no more than eps / 1e-6.
    BOOST_TEST((p->matrix() * basis.col(3))(0) / basis(0, 3) == 1e-6 + 1e-8, boost::test_tools::tolerance(1e-3));
}

BOOST_AUTO_TEST_CASE(adam_is_the_diagonal_of_the_full_second_moment) {
    GradientHistory history(n);
    const auto adam = adam_preconditioner(n, {.beta2 = 0.9, .eps = 0.0});
    for (Index t = 0; t < 12; ++t) {
        history.observe(varied_gradient(n, t));
        adam->observe(varied_gradient(n, t));
    }
    const Matrix f = history.weighted_factor(0.9, 12);
    const Matrix root = to_dense(full_matrix_preconditioner(f, {.eps = 1e-12})->matrix());
    BOOST_TEST(distance((root * root).diagonal().cwiseSqrt(), adam->diagonal().value()) <= 1e-10);
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    BOOST_CHECK_EXCEPTION(full_matrix_preconditioner(Matrix::Ones(2, 2), {.eps = 0.0}), std::invalid_argument,
                          says("full_matrix_preconditioner: eps must be greater than 0; got 0"));
    BOOST_CHECK_EXCEPTION(full_matrix_preconditioner(Matrix(2, 0)), std::invalid_argument,
                          says("full_matrix_preconditioner: the factor must not be empty; got 2 x 0"));
}

BOOST_AUTO_TEST_SUITE_END()
