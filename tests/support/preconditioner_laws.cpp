#include "support/preconditioner_laws.hpp"

namespace hessq::laws {

Vector varied_gradient(Index n, Index t) {
    const Vector g = normal_vector(RandomStream(1, static_cast<std::uint64_t>(t)), n);
    return g.cwiseProduct(Vector::LinSpaced(n, 0.1, 3.0));
}

double distance(const Matrix& a, const Matrix& b) { return (a - b).cwiseAbs().maxCoeff() / b.cwiseAbs().maxCoeff(); }

void check_preconditioner_laws(Preconditioner& p, Index n, bool has_memory) {
    for (Index t = 0; t < 5; ++t) p.observe(varied_gradient(n, t));
    const Matrix identity = Matrix::Identity(n, n);
    const SymmetricOperator matrix_operator = p.matrix();
    const Matrix matrix = matrix_operator * identity;
    const Matrix inverse = p.inverse() * identity;
    const Matrix root = p.inverse_sqrt() * identity;
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(matrix);
    BOOST_TEST(eigen.eigenvalues().minCoeff() > 0.0);
    const double condition = eigen.eigenvalues().maxCoeff() / eigen.eigenvalues().minCoeff();
    const double tolerance = 20.0 * static_cast<double>(n) * test::eps * condition;
    BOOST_TEST_REQUIRE(tolerance < 1e-6);
    BOOST_TEST(distance(matrix, matrix.transpose()) <= 4.0 * static_cast<double>(n) * test::eps);
    BOOST_TEST(distance(inverse, inverse.transpose()) <= tolerance);
    BOOST_TEST(distance(root, root.transpose()) <= tolerance);
    BOOST_TEST(distance(inverse * matrix, identity) <= tolerance);
    BOOST_TEST(distance(root * root, inverse) <= tolerance);
    if (const auto d = p.diagonal()) BOOST_CHECK(Matrix(d->asDiagonal()) == matrix);
    const Vector g = varied_gradient(n, 9);
    if (!has_memory) BOOST_TEST(distance(p.direction(g), inverse * g) <= tolerance);

    p.observe(Vector::Constant(n, 100.0));
    BOOST_CHECK(matrix == matrix_operator * identity);
}

} // namespace hessq::laws
