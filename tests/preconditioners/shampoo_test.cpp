#include "hessq/preconditioners/shampoo.hpp"

#include "support/messages.hpp"
#include "support/preconditioner_laws.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;
using hessq::laws::check_preconditioner_laws;
using hessq::laws::distance;
using hessq::laws::varied_gradient;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(shampoo)

namespace {

ParameterLayout two_layers() {
    ParameterLayout layout;
    layout.append("weight", 2, 3);
    layout.append("bias", 2);
    return layout;
}

} // namespace

BOOST_AUTO_TEST_CASE(it_obeys_the_laws_with_whole_matrices_and_with_diagonals) {
    for (const Index largest : {Index{1024}, Index{2}, Index{1}})
        for (const double power : {0.25, 0.5})
            check_preconditioner_laws(
                *shampoo_preconditioner(two_layers(), {.eps = 0.1, .power = power, .largest = largest}), 8);
}

BOOST_AUTO_TEST_CASE(its_matrix_is_the_kronecker_product_of_the_two_roots) {
    // Of a row-major vec(G), L^p G R^p is (L^p kron R^p) vec(G); here by hand with Eigen's eigenvectors.
    ParameterLayout layout;
    layout.append("weight", 2, 3);
    const auto p = shampoo_preconditioner(layout, {.eps = 0.5});
    Matrix l = 0.5 * Matrix::Identity(2, 2), r = 0.5 * Matrix::Identity(3, 3);
    for (Index t = 0; t < 4; ++t) {
        const Vector g = varied_gradient(6, t);
        Matrix m(2, 3);
        m << g(0), g(1), g(2), g(3), g(4), g(5);
        l += m * m.transpose();
        r += m.transpose() * m;
        p->observe(g);
    }
    const auto quarter = [](const Matrix& a) -> Matrix {
        return Eigen::SelfAdjointEigenSolver<Matrix>(Eigen::SelfAdjointEigenSolver<Matrix>(a).operatorSqrt())
            .operatorSqrt();
    };
    const Matrix lp = quarter(l), rp = quarter(r);
    Matrix kronecker(6, 6);
    for (Index i = 0; i < 2; ++i)
        for (Index j = 0; j < 2; ++j) kronecker.block(3 * i, 3 * j, 3, 3) = lp(i, j) * rp;
    BOOST_TEST(distance(p->matrix() * Matrix::Identity(6, 6), kronecker) <= 1e-13);
    BOOST_TEST(!p->diagonal().has_value());
}

BOOST_AUTO_TEST_CASE(for_a_vector_it_is_full_matrix_adagrad) {
    ParameterLayout layout;
    layout.append("bias", 3);
    const auto p = shampoo_preconditioner(layout, {.eps = 0.25});
    Matrix sum = 0.25 * Matrix::Identity(3, 3);
    for (Index t = 0; t < 4; ++t) {
        const Vector g = varied_gradient(3, t);
        sum += g * g.transpose();
        p->observe(g);
    }
    const Matrix root = Eigen::SelfAdjointEigenSolver<Matrix>(sum).operatorSqrt();
    BOOST_TEST(distance(p->matrix() * Matrix::Identity(3, 3), root) <= 1e-13);
}

BOOST_AUTO_TEST_CASE(wrong_options_are_refused) {
    const auto refuses = [](const auto& call, const char* message) {
        BOOST_CHECK_EXCEPTION(call(), std::invalid_argument, says(message));
    };
    refuses([] { shampoo_preconditioner({}); },
            "shampoo_preconditioner: the layout must have at least one parameter; got 0");
    refuses([] { shampoo_preconditioner(two_layers(), {.eps = 0.0}); },
            "shampoo_preconditioner: eps must be greater than 0; got 0");
    refuses([] { shampoo_preconditioner(two_layers(), {.power = 0.0}); },
            "shampoo_preconditioner: power must be greater than 0; got 0");
    refuses([] { shampoo_preconditioner(two_layers(), {.largest = 0}); },
            "shampoo_preconditioner: largest must be at least 1; got 0");
    refuses([] { (void)shampoo_preconditioner(two_layers())->matrix(); },
            "shampoo preconditioner: at least one gradient must have been observed; got 0");
    refuses([] { shampoo_preconditioner(two_layers())->observe(Vector::Zero(3)); },
            "shampoo preconditioner: the gradient must have 8 entries; got 3");
}

BOOST_AUTO_TEST_SUITE_END()
