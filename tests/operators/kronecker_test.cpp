#include "hessq/operators/kronecker.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "hessq/objectives/problems.hpp"

#include <boost/test/unit_test.hpp>

#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <cmath>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(kronecker_suite)

namespace {

/// (L (x) R)_(ij),(kl) = L_ik R_jl, entry by entry.
Matrix kronecker(const Matrix& l, const Matrix& r) {
    Matrix product(l.rows() * r.rows(), l.cols() * r.cols());
    for (Index i = 0; i < l.rows(); ++i)
        for (Index j = 0; j < r.rows(); ++j)
            for (Index k = 0; k < l.cols(); ++k)
                for (Index q = 0; q < r.cols(); ++q) product(i * r.rows() + j, k * r.cols() + q) = l(i, k) * r(j, q);
    return product;
}

/// Van Loan's rearranged matrix: row (i, k), column (j, l).
Vector singular_values(const Matrix& a, Index rows, Index cols) {
    Matrix rearranged(rows * rows, cols * cols);
    for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < cols; ++j)
            for (Index k = 0; k < rows; ++k)
                for (Index q = 0; q < cols; ++q) rearranged(i * rows + k, j * cols + q) = a(i * cols + j, k * cols + q);
    return test::singular_values_by_eigen(rearranged);
}

double smallest(const Matrix& a) { return Eigen::SelfAdjointEigenSolver<Matrix>(a).eigenvalues()(0); }

} // namespace

BOOST_AUTO_TEST_CASE(the_nearest_product_is_the_largest_singular_pair_of_the_rearranged_matrix) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
        const Matrix g = random_matrix(6, 7, seed); // seven 3 x 2 gradients
        const Matrix a = g * g.transpose() / 7.0;
        const Vector sigma = singular_values(a, 3, 2);
        const double optimum = std::sqrt(a.squaredNorm() - sigma(0) * sigma(0));
        for (const KroneckerMap& map : {gradient_kronecker_map(g, 3, 2), dense_kronecker_map(a, 3, 2)}) {
            const KroneckerFit fit = nearest_kronecker(map);
            BOOST_TEST(fit.converged);
            BOOST_TEST(fit.error == optimum, boost::test_tools::tolerance(1e-10));
            BOOST_TEST(fit.error == (a - kronecker(fit.left, fit.right)).norm(), boost::test_tools::tolerance(1e-10));
            BOOST_TEST(fit.cosine == sigma(0) / a.norm(), boost::test_tools::tolerance(1e-12));
            // The gradient of |A - L (x) R|^2 in L and R.
            const Matrix in_l = 2.0 * (fit.right.squaredNorm() * fit.left - map.to_left(fit.right));
            const Matrix in_r = 2.0 * (fit.left.squaredNorm() * fit.right - map.to_right(fit.left));
            BOOST_TEST(in_l.norm() < 1e-8);
            BOOST_TEST(in_r.norm() < 1e-8);
            // Semidefinite stays semidefinite.
            BOOST_TEST(smallest(fit.left) >= -1e-12);
            BOOST_TEST(smallest(fit.right) >= -1e-12);
            BOOST_TEST(fit.left.norm() == fit.right.norm(), boost::test_tools::tolerance(1e-12));
        }
    }
}

BOOST_AUTO_TEST_CASE(the_first_step_from_the_identity_is_shampoos_factor_and_every_step_is_better) {
    const Matrix g = random_matrix(6, 7, 11);
    const KroneckerMap map = gradient_kronecker_map(g, 3, 2);
    Matrix sum = Matrix::Zero(3, 3);
    for (Index s = 0; s < 7; ++s) {
        const Matrix one = g.col(s).reshaped<Eigen::RowMajor>(3, 2);
        sum += one * one.transpose() / 7.0;
    }
    BOOST_TEST((map.to_left(Matrix::Identity(2, 2)) - sum).norm() <= 16 * eps * sum.norm());

    double before = 1e300;
    for (const Index steps : {1, 2, 3, 5, 10, 100}) {
        const KroneckerFit fit = nearest_kronecker(map, {.max_iterations = steps});
        BOOST_TEST(fit.error <= before * (1.0 + 1e-12));
        before = fit.error;
    }
    const KroneckerFit best = nearest_kronecker(map);
    for (const KroneckerFit& other : {shampoo_kronecker(map), shampoo_squared_kronecker(map)}) {
        BOOST_TEST(other.error > best.error);
        BOOST_TEST(other.cosine < best.cosine);
        const Matrix a = g * g.transpose() / 7.0;
        BOOST_TEST(other.error == (a - kronecker(other.left, other.right)).norm(), boost::test_tools::tolerance(1e-10));
    }
    // Morwani et al.: the square is close to the optimum, the root itself is not.
    BOOST_TEST(shampoo_squared_kronecker(map).cosine > shampoo_kronecker(map).cosine);
}

BOOST_AUTO_TEST_CASE(shampoos_factors_are_what_their_formulas_say) {
    const Matrix g = random_matrix(6, 9, 12);
    const KroneckerMap map = gradient_kronecker_map(g, 3, 2);
    const Matrix l = map.to_left(Matrix::Identity(2, 2)), r = map.to_right(Matrix::Identity(3, 3));
    const KroneckerFit root = shampoo_kronecker(map), square = shampoo_squared_kronecker(map);
    BOOST_TEST((root.left * root.left - l).norm() <= 32 * eps * l.norm());
    BOOST_TEST((root.right * root.right - r).norm() <= 32 * eps * r.norm());
    BOOST_TEST((kronecker(square.left, square.right) - kronecker(l, r) / l.trace()).norm() <=
               32 * eps * l.norm() * r.norm());
}

BOOST_AUTO_TEST_CASE(one_sample_is_a_kronecker_product_already_for_all_four) {
    const Vector d = Eigen::Vector3d(1, -2, 3), in = Eigen::Vector2d(4, 5);
    const Matrix outer = d * in.transpose();
    const Vector g = outer.reshaped<Eigen::RowMajor>();
    const KroneckerMap map = gradient_kronecker_map(g, 3, 2);
    const Matrix exact = g * g.transpose();
    for (const KroneckerFit& fit :
         {nearest_kronecker(map), shampoo_kronecker(map), shampoo_squared_kronecker(map), kfac_kronecker(map, g, d)}) {
        BOOST_TEST((kronecker(fit.left, fit.right) - exact).norm() <= 64 * eps * exact.norm());
        BOOST_TEST(fit.error <= 1e-7 * exact.norm());
        BOOST_TEST(fit.cosine == 1.0, boost::test_tools::tolerance(16 * eps));
    }
}

BOOST_AUTO_TEST_CASE(kfac_is_exact_where_inputs_and_output_gradients_are_independent) {
    const Matrix inputs = random_matrix(4, 5, 1), deltas = random_matrix(3, 6, 2);
    Matrix g(12, 30), d(3, 30);
    for (Index s = 0; s < 30; ++s) { // every pair once
        d.col(s) = deltas.col(s % 6);
        g.col(s) = Matrix(d.col(s) * inputs.col(s / 6).transpose()).reshaped<Eigen::RowMajor>();
    }
    const KroneckerMap map = gradient_kronecker_map(g, 3, 4);
    const KroneckerFit kfac = kfac_kronecker(map, g, d);
    const Matrix a = g * g.transpose() / 30.0;
    BOOST_TEST((kronecker(kfac.left, kfac.right) - a).norm() <= 30 * 16 * eps * a.norm());
    BOOST_TEST(nearest_kronecker(map).error <= 1e-7 * a.norm());
}

BOOST_AUTO_TEST_CASE(an_indefinite_block_whose_factor_is_orthogonal_to_the_identity_is_found) {
    const Matrix l = random_symmetric(3, 4), r = Eigen::Vector2d(1, -1).asDiagonal();
    const KroneckerFit fit = nearest_kronecker(dense_kronecker_map(kronecker(l, r), 3, 2));
    BOOST_TEST((kronecker(fit.left, fit.right) - kronecker(l, r)).norm() <= 1e-12 * l.norm());

    const Matrix a = random_symmetric(12, 5);
    const Vector sigma = singular_values(a, 4, 3);
    BOOST_TEST(nearest_kronecker(dense_kronecker_map(a, 4, 3), {.max_iterations = 10000}).error ==
                   std::sqrt(a.squaredNorm() - sigma(0) * sigma(0)),
               boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(the_blocks_of_a_network_have_this_numbering) {
    const Problem problem = bundled_problem("iris-mlp");
    const auto& model = dynamic_cast<const ModelObjective&>(*problem.objective);
    const Vector w = problem.start(0);
    const ParameterGroup weight = model.layout().groups[0], bias = model.layout().groups[1];
    const Batch all = Batch::all(model.samples());
    const Matrix gradients = model.per_sample_gradients(w, all);
    const Matrix of_weight = gradients.middleRows(weight.offset, weight.size());
    const Matrix of_bias = gradients.middleRows(bias.offset, bias.size());
    const KroneckerMap second_moment = gradient_kronecker_map(of_weight, weight.rows, weight.cols);
    const KroneckerFit best = nearest_kronecker(second_moment),
                       kfac = kfac_kronecker(second_moment, of_weight, of_bias);
    BOOST_TEST(best.converged);
    BOOST_TEST(best.cosine > 0.5);
    BOOST_TEST(best.error < kfac.error);
    // The right factor of K-FAC is the second moment of the inputs.
    const Matrix inputs = problem.data->inputs;
    BOOST_TEST((kfac.right - inputs * inputs.transpose() / static_cast<double>(inputs.cols())).norm() <=
               1e-10 * kfac.right.norm());

    // With the bias, as one matrix: the same numbers from gradients and from the dense matrix.
    const std::vector<Index> both = weight_and_bias(weight, bias);
    const Matrix moment = model.gradient_second_moment(w, all);
    const KroneckerFit from_gradients =
        nearest_kronecker(gradient_kronecker_map(gradients(both, Eigen::all), weight.rows, weight.cols + 1));
    const KroneckerFit from_matrix =
        nearest_kronecker(dense_kronecker_map(moment(both, both), weight.rows, weight.cols + 1));
    BOOST_TEST(from_gradients.error == from_matrix.error, boost::test_tools::tolerance(1e-8));

    const Matrix block = model.dense_hessian_block(w, weight.range(), weight.range());
    const KroneckerFit hessian = nearest_kronecker(dense_kronecker_map(block, weight.rows, weight.cols));
    const double sigma = singular_values(block, weight.rows, weight.cols)(0);
    BOOST_TEST(hessian.error == std::sqrt(block.squaredNorm() - sigma * sigma), boost::test_tools::tolerance(1e-8));
}

BOOST_AUTO_TEST_CASE(the_same_bytes_on_one_thread_and_on_four) {
    const Matrix g = random_matrix(20, 700, 3);
    const auto solve = [&](int threads) {
        const ThreadLimit limit(threads);
        return nearest_kronecker(gradient_kronecker_map(g, 5, 4));
    };
    BOOST_TEST((solve(1).left == solve(4).left));
}

BOOST_AUTO_TEST_CASE(zero_has_a_nearest_product_too) {
    const KroneckerFit fit = nearest_kronecker(gradient_kronecker_map(Matrix::Zero(6, 2), 3, 2));
    BOOST_TEST(fit.error == 0.0);
    BOOST_TEST(fit.converged);
    BOOST_TEST((fit.left == Matrix::Zero(3, 3)));
}

BOOST_AUTO_TEST_CASE(kronecker_maps_refuse_wrong_shapes) {
    BOOST_CHECK_EXCEPTION((void)gradient_kronecker_map(Matrix::Zero(5, 2), 3, 2), std::invalid_argument,
                          says("gradient_kronecker_map: gradients must have 6 rows; got 5"));
    BOOST_CHECK_EXCEPTION((void)dense_kronecker_map(Matrix::Zero(6, 5), 3, 2), std::invalid_argument,
                          says("dense_kronecker_map: the block must be square; its columns; got 5"));
    BOOST_CHECK_EXCEPTION(
        (void)shampoo_kronecker(dense_kronecker_map(Matrix::Zero(6, 6), 3, 2)), std::invalid_argument,
        says("shampoo_kronecker: the matrix must be known to be positive semidefinite; got one that is "
             "not"));
    BOOST_CHECK_EXCEPTION((void)weight_and_bias({"w", 0, 3, 2}, {"b", 6, 2, 1}), std::invalid_argument,
                          says("weight_and_bias: the bias must have 3 rows; got 2"));
    const Matrix g = random_matrix(6, 3, 1), d = random_matrix(3, 3, 2);
    BOOST_CHECK_THROW((void)kfac_kronecker(gradient_kronecker_map(g, 3, 2), g, d), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
