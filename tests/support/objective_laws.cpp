#include "support/objective_laws.hpp"

#include "support/draws.hpp"

namespace hessq::laws {

void check_close(MatrixView found, MatrixView expected, double scale, const char* law, double relative) {
    BOOST_TEST_REQUIRE(found.rows() == expected.rows());
    BOOST_TEST_REQUIRE(found.cols() == expected.cols());
    const double error = (found - expected).cwiseAbs().maxCoeff();
    const double size = std::max(scale, expected.cwiseAbs().maxCoeff());
    BOOST_TEST(error <= relative * size, law << ": error " << error << " at size " << size);
}

Matrix random_block(Index rows, Index cols, std::uint64_t stream) {
    return normal_vector(RandomStream(1234, stream), rows * cols).reshaped(rows, cols);
}

void check_laws(const Objective& objective, VectorView w, double product_accuracy) {
    const Index n = objective.dimension();
    BOOST_TEST(objective.layout().dimension() == n);

    const DerivativeReport report = check_derivatives(objective, w, {.product_accuracy = product_accuracy});
    BOOST_TEST(report.passed(), report.summary());

    const ValueAndGradient both = objective.value_and_gradient(w);
    const Vector g = objective.gradient(w);
    BOOST_TEST(std::abs(both.value - objective.value(w)) <= rounding * std::abs(both.value));
    check_close(both.gradient, g, g.norm(), "value_and_gradient gives the gradient");

    const SymmetricOperator h = objective.hessian(w);
    BOOST_TEST(h.dimension() == n);
    const Matrix v = random_block(n, 5, 1);
    const Matrix hv = h * v;
    for (Index j = 0; j < v.cols(); ++j) check_close(h * v.col(j), hv.col(j), hv.norm(), "a block is its columns");
    BOOST_TEST((h * Matrix::Zero(n, 2)).cwiseAbs().maxCoeff() == 0.0);

    const Matrix dense = objective.dense_hessian(w);
    const double difference_error = rounding + 10.0 * product_accuracy;
    check_close(dense, to_dense(h), 0.0, "dense_hessian is the operator times I", difference_error);
    BOOST_TEST((dense - dense.transpose()).cwiseAbs().maxCoeff() <= rounding * dense.cwiseAbs().maxCoeff());

    const ParameterRange rows{n / 3, n - n / 3}, columns{0, (n + 1) / 2};
    check_close(objective.dense_hessian_block(w, rows, columns),
                dense.block(rows.offset, columns.offset, rows.size, columns.size), dense.cwiseAbs().maxCoeff(),
                "a block is a part of the Hessian", difference_error);
    check_close(objective.hessian_diagonal(w), dense.diagonal(), dense.cwiseAbs().maxCoeff(),
                "the diagonal is that of the Hessian", difference_error);

    const auto bytes = [&](int threads) {
        const ThreadLimit limit(threads);
        Matrix all(n, v.cols() + n + 1);
        all << objective.gradient(w), objective.hessian(w) * v, objective.dense_hessian(w);
        return all;
    };
    BOOST_TEST((bytes(1).array() == bytes(2).array()).all(), "one thread and two give the same bytes");
}

void check_laws(const FiniteSumObjective& objective, VectorView w) {
    check_laws(static_cast<const Objective&>(objective), w);
    const Index n = objective.dimension();
    const Index m = objective.samples();
    const Matrix v = random_block(n, 3, 2);
    const Vector g = objective.gradient(w, Batch::all(m));
    const Matrix hv = objective.hessian(w, Batch::all(m)) * v;
    const Matrix each = objective.per_sample_gradients(w, Batch::all(m));
    const double scale = each.cwiseAbs().maxCoeff();
    check_close(each.rowwise().mean(), g, scale, "per-sample gradients average to the gradient");

    const Matrix square = each * each.transpose() / static_cast<double>(m);
    check_close(objective.gradient_second_moment(w, Batch::all(m)), square, 0.0, "E gg' is that of the gradients");

    // Three disjoint batches of unequal size, the middle one in reverse order.
    if (m >= 4) {
        std::vector<Index> middle;
        for (Index s = m - 2; s >= 1; --s) middle.push_back(s);
        double value = 0.0;
        Vector gradient = Vector::Zero(n);
        Matrix product = Matrix::Zero(n, v.cols());
        for (const Batch& batch : {Batch::range(0, 1), Batch(middle), Batch::range(m - 1, 1)}) {
            const double weight = static_cast<double>(batch.size()) / static_cast<double>(m);
            value += weight * objective.value(w, batch);
            gradient += weight * objective.gradient(w, batch);
            product += weight * (objective.hessian(w, batch) * v);
        }
        const double whole = objective.value(w, Batch::all(m));
        BOOST_TEST(std::abs(value - whole) <= rounding * std::max(std::abs(whole), scale * w.norm()));
        check_close(gradient, g, scale, "disjoint batches average to the whole gradient");
        check_close(product, hv, hv.norm(), "disjoint batches average to the whole Hessian");
    }

    if (m >= 2) {
        const Batch twice(std::vector<Index>{m - 1, 0, m - 1});
        const Batch first = Batch::range(0, 1);
        const Batch last = Batch::range(m - 1, 1);
        const Vector expected = (2.0 * objective.gradient(w, last) + objective.gradient(w, first)) / 3.0;
        check_close(objective.gradient(w, twice), expected, scale, "a repeated sample counts twice");
        const Matrix curvature = (2.0 * (objective.hessian(w, last) * v) + objective.hessian(w, first) * v) / 3.0;
        check_close(objective.hessian(w, twice) * v, curvature, curvature.norm(), "a repeated sample curves twice");
        const Matrix dense_twice = objective.dense_hessian(w, twice);
        check_close(dense_twice * v, curvature, curvature.norm() + dense_twice.norm(), "a batch has its own Hessian");
        Matrix columns(n, 3);
        columns << each.col(m - 1), each.col(0), each.col(m - 1);
        check_close(objective.per_sample_gradients(w, twice), columns, scale, "column s is sample s of the batch");
    }

    const auto bytes = [&](int threads) {
        const ThreadLimit limit(threads);
        Matrix both(n, m + n);
        both << objective.per_sample_gradients(w, Batch::all(m)), objective.gradient_second_moment(w, Batch::all(m));
        return both;
    };
    BOOST_TEST((bytes(1).array() == bytes(2).array()).all(), "one thread and two give the same gradients and E gg'");
}

void check_laws(const ModelObjective& objective, VectorView w, double l2) {
    check_laws(static_cast<const FiniteSumObjective&>(objective), w);
    const Index n = objective.dimension();
    const Index m = objective.samples();
    const Batch all = Batch::all(m);
    const SymmetricOperator gn = objective.gauss_newton(w);
    const Matrix block = random_block(n, n, 3);
    const Matrix product = gn * block;
    const Matrix quadratic_form = block.transpose() * product;
    check_close(quadratic_form, quadratic_form.transpose(), product.norm() * block.norm(), "Gauss-Newton is symmetric");
    const Matrix dense = to_dense(gn);
    check_close(dense * block, product, product.norm(), "Gauss-Newton is linear");
    check_close(objective.dense_gauss_newton(w), dense, 0.0, "dense_gauss_newton is the operator times I");
    const Matrix drawn = objective.sampled_label_gradients(w, all, 77);
    check_close(objective.sampled_label_second_moment(w, all, 77), drawn * drawn.transpose() / static_cast<double>(m),
                0.0, "E gg' of drawn labels is that of their gradients");
    // u'Gu for n random directions: a negative eigenvalue of any size beyond rounding would show in the Cholesky
    // factorisation of G + shift, whose pivots stay positive exactly for a positive semidefinite G.
    Matrix factor = dense + rounding * static_cast<double>(n) * dense.trace() * Matrix::Identity(n, n);
    bool semidefinite = true;
    for (Index k = 0; k < n && semidefinite; ++k) {
        semidefinite = factor(k, k) > 0.0;
        const Index rest = n - k - 1;
        const Vector column = factor.col(k).tail(rest);
        factor.bottomRightCorner(rest, rest) -= column * column.transpose() / factor(k, k);
    }
    BOOST_TEST(semidefinite, "Gauss-Newton is positive semidefinite");
    check_close(objective.gauss_newton_diagonal(w), dense.diagonal(), 0.0, "the diagonal is that of the matrix");
    const Batch some(std::vector<Index>{m - 1, 0, m - 1});
    check_close(objective.gauss_newton_diagonal(w, some), to_dense(objective.gauss_newton(w, some)).diagonal(), 0.0,
                "the diagonal on a batch with a repeat");

    const Matrix sampled = objective.sampled_label_gradients(w, all, 5);
    Matrix chosen(n, 3);
    chosen << sampled.col(m - 1), sampled.col(0), sampled.col(m - 1);
    check_close(objective.sampled_label_gradients(w, some, 5), chosen, sampled.cwiseAbs().maxCoeff(),
                "a sampled label depends on the seed and the sample alone");

    // Over labels: E g = 0 and E g g' = Gauss-Newton - l2 I for g without the penalty's gradient. Along each of 4
    // random directions the mean of 400 independent repetitions lies within 5 standard errors (6e-7 two-sided, and the
    // seeds are fixed).
    constexpr Index repetitions = 400;
    const Matrix u = random_block(n, 4, 4).colwise().normalized();
    Matrix first(repetitions, 4), second(repetitions, 4);
    for (Index r = 0; r < repetitions; ++r) {
        Matrix g = objective.sampled_label_gradients(w, all, static_cast<std::uint64_t>(1000 + r));
        g.colwise() -= l2 * w;
        const Matrix along = u.transpose() * g;
        first.row(r) = along.rowwise().mean().transpose();
        second.row(r) = along.cwiseAbs2().rowwise().mean().transpose();
    }
    for (Index k = 0; k < u.cols(); ++k) {
        const double fisher = u.col(k).dot(dense * u.col(k)) - l2;
        BOOST_TEST(test::z_score(first.col(k), 0.0) < 5.0, "sampled gradients have mean 0");
        BOOST_TEST(test::z_score(second.col(k), fisher) < 5.0, "the Fisher matrix is Gauss-Newton without the penalty");
    }
}

} // namespace hessq::laws
