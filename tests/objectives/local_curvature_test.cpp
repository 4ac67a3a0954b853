#include "hessq/objectives/local_curvature.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/objectives/mlp.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "support/linear_model.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace hessq;
using hessq::test::eps;
using hessq::test::LinearModel;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(local_curvature)

BOOST_AUTO_TEST_CASE(it_is_the_curvature_of_its_batch) {
    const LinearModel model = LinearModel::random(4, 9, 3);
    const Vector w = Vector::Ones(4);
    const Batch some(std::vector<Index>{7, 2, 2});
    const LocalCurvature here(model, w, some);
    const Matrix h = to_dense(model.hessian(w, some));
    BOOST_TEST(here.dimension() == 4);
    BOOST_TEST((here.dense_hessian() - h).norm() <= 16.0 * eps * h.norm());
    BOOST_TEST((here.hessian_diagonal() - h.diagonal()).norm() <= 16.0 * eps * h.norm());
    BOOST_TEST((here.gauss_newton_diagonal() - h.diagonal()).norm() <= 16.0 * eps * h.norm());
    const LocalCurvature all(model, w, Batch::all(9));
    BOOST_CHECK(all.dense_hessian() == model.dense_hessian(w));
}

BOOST_AUTO_TEST_CASE(the_mean_of_the_draws_is_the_diagonal_and_that_of_their_squares_the_diagonal_of_the_square) {
    const Matrix h = test::random_symmetric(5, 4);
    const Quadratic quadratic(h);
    const LocalCurvature here(quadratic, Vector::Zero(5), Batch::all(quadratic.samples()));
    constexpr Index draws = 4000;
    Matrix each(5, draws);
    for (Index t = 0; t < draws; ++t) each.col(t) = here.hutchinson_diagonal(1, static_cast<std::uint64_t>(t));
    // Five standard errors: 6e-7 two-sided, and the seed is fixed.
    const auto check = [&](const Matrix& values, const Vector& mean) {
        for (Index i = 0; i < 5; ++i) {
            const Vector row = values.row(i);
            const double sd = std::sqrt((row.array() - row.mean()).square().sum() / (draws - 1.0));
            BOOST_TEST(std::abs(row.mean() - mean(i)) <= 5.0 * sd / std::sqrt(static_cast<double>(draws)));
        }
    };
    check(each, h.diagonal());
    check(each.cwiseAbs2(), (h * h).diagonal());
    BOOST_CHECK(each.col(7) == here.hutchinson_diagonal(1, 7));
    BOOST_CHECK(each.col(7) != here.hutchinson_diagonal(2, 7));
}

BOOST_AUTO_TEST_CASE(a_segment_sees_its_part_of_the_whole) {
    const LinearModel model = LinearModel::random(6, 9, 3);
    const LocalCurvature here(model, Vector::Zero(6), Batch::all(9));
    const LocalCurvature part = here.segment(1, 4).segment(1, 2);
    BOOST_TEST(part.dimension() == 2);
    BOOST_CHECK(part.dense_hessian() == Matrix(here.dense_hessian().block(2, 2, 2, 2)));
    BOOST_CHECK(part.hessian_diagonal() == Vector(here.hessian_diagonal().segment(2, 2)));
    BOOST_CHECK(part.hutchinson_diagonal(3, 5) == Vector(here.hutchinson_diagonal(3, 5).segment(2, 2)));
    BOOST_CHECK(part.gauss_newton_diagonal() == Vector(here.gauss_newton_diagonal().segment(2, 2)));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
    const Quadratic quadratic(Matrix::Identity(2, 2));
    const Batch all = Batch::all(quadratic.samples());
    BOOST_CHECK_EXCEPTION(LocalCurvature(quadratic, Vector::Zero(3), all), std::invalid_argument,
                          says("LocalCurvature: w must have 2 entries; got 3"));
    const LocalCurvature here(quadratic, Vector::Zero(2), all);
    BOOST_CHECK_EXCEPTION((void)here.gauss_newton_diagonal(), std::invalid_argument,
                          says("gauss_newton_diagonal: the objective must be a model with a loss; got none"));
    BOOST_CHECK_EXCEPTION((void)here.segment(1, 2), std::invalid_argument,
                          says("LocalCurvature::segment: the segment must lie within the 2 parameters; got 1 + 2"));
}

BOOST_AUTO_TEST_SUITE_END()
