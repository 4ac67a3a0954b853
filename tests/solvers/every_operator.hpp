#pragma once

#include "hessq/core/dense.hpp"
#include "hessq/core/require.hpp"

#include <boost/test/unit_test.hpp>

#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <cmath>
#include <string>

// What holds for every iteration that solves A x = b: solve(a, b) is one.

namespace hessq::test {

template <class Solve>
void check_that_asymmetry_is_refused(const Solve& solve, const std::string& name) {
    const Matrix symmetric = with_spectrum(Vector::LinSpaced(60, 1.0, 5.0), 31), skew = random_matrix(60, 60, 32);
    for (const double share : {0.1, 1e-3}) {
        const Matrix a = symmetric + share * (skew - skew.transpose());
        const SymmetricOperator op(60, [a](MatrixView v) -> Matrix { return a * v; });
        BOOST_CHECK_EXCEPTION(
            (void)solve(op, Vector(random_matrix(60, 1, 33))), std::invalid_argument,
            begins_with(name + ": the operator must be symmetric to 1e-6; measured |A - A'| / |A|; got "));
    }
}

template <class Solve, class Status>
void check_every_size(const Solve& solve, Status converged) {
    const Matrix a = with_spectrum(Vector::LinSpaced(40, 1.0, 5.0), 34);
    const Vector b = random_matrix(40, 1, 35), x = a.llt().solve(b);
    for (const double of_a : {1e-200, 1.0, 1e200})
        for (const double of_b : {1e-170, 1.0, 1e170}) {
            const SymmetricOperator op = dense_operator(of_a * a);
            if (!std::isfinite(of_b / of_a)) {
                BOOST_CHECK_THROW((void)solve(op, Vector(of_b * b)), NumericalError);
                continue;
            }
            const auto found = solve(op, Vector(of_b * b));
            if (of_b / of_a == 0.0) continue;
            BOOST_CHECK(found.status == converged);
            BOOST_TEST((found.x / of_b * of_a - x).norm() <= 1e-9 * x.norm());
            BOOST_TEST(found.residual <= 1e-10 * of_b * b.norm());
        }
}

} // namespace hessq::test
