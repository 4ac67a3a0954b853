#pragma once

#include "hessq/core/layout.hpp"
#include "hessq/core/types.hpp"
#include "hessq/objectives/objective.hpp"

#include <boost/math/differentiation/autodiff.hpp>
#include <memory>
#include <type_traits>
#include <utility>

#pragma GCC visibility push(default)
namespace hessq {

/// The numbers that a loss written for any scalar type is called with: double; a + b e with e e = 0, which carries one
/// derivative; and such numbers of such numbers, which carry a second one. They are Boost.Math's, plain values, so that
/// `auto` in your lambda is safe; exp, log, pow, sqrt, tanh, erf, ... are found without std:: before them.
using Dual = boost::math::differentiation::autodiff_fvar<double, 1>;
using SecondDual = boost::math::differentiation::autodiff_fvar<double, 1, 1>;

} // namespace hessq
#pragma GCC visibility pop

namespace Eigen {

/// What Eigen wants to know of the numbers in its vectors.
template <>
struct NumTraits<hessq::Dual> : NumTraits<double> {
    using Real = hessq::Dual;
    using NonInteger = hessq::Dual;
    using Nested = hessq::Dual;
    enum { RequireInitialization = 1, ReadCost = 2, AddCost = 2, MulCost = 4 };
};

template <>
struct NumTraits<hessq::SecondDual> : NumTraits<double> {
    using Real = hessq::SecondDual;
    using NonInteger = hessq::SecondDual;
    using Nested = hessq::SecondDual;
    enum { RequireInitialization = 1, ReadCost = 4, AddCost = 4, MulCost = 10 };
};

template <class Operation>
struct ScalarBinaryOpTraits<double, hessq::Dual, Operation> {
    using ReturnType = hessq::Dual;
};
template <class Operation>
struct ScalarBinaryOpTraits<hessq::Dual, double, Operation> {
    using ReturnType = hessq::Dual;
};
template <class Operation>
struct ScalarBinaryOpTraits<double, hessq::SecondDual, Operation> {
    using ReturnType = hessq::SecondDual;
};
template <class Operation>
struct ScalarBinaryOpTraits<hessq::SecondDual, double, Operation> {
    using ReturnType = hessq::SecondDual;
};

namespace internal {

// These numbers can be made from anything, says their constructor; without this Eigen would take A * w for the product
// of a vector with a number A.
template <class T>
struct promote_scalar_arg<hessq::Dual, T, false> : std::enable_if<std::is_arithmetic_v<T>, hessq::Dual> {};
template <class T>
struct promote_scalar_arg<hessq::SecondDual, T, false> : std::enable_if<std::is_arithmetic_v<T>, hessq::SecondDual> {};

} // namespace internal
} // namespace Eigen

#pragma GCC visibility push(default)
namespace hessq {

/// A sum of l_s(w) over samples with its exact derivatives: what the two objectives of this page share.
class DifferentiatedSum {
public:
    virtual ~DifferentiatedSum() = default;

    /// sum_s l_s(w).
    virtual double value(VectorView w, const Batch& batch) const = 0;
    /// Adds sum_s d l_s / d w_i for the i of a range to `sum`.
    virtual void add_gradient(VectorView w, const Batch& batch, const ParameterRange& rows,
                              Eigen::Ref<Vector> sum) const = 0;
    /// Adds sum_s (H_s v)_i for the i of a range to `sum`.
    virtual void add_product(VectorView w, VectorView v, const Batch& batch, const ParameterRange& rows,
                             Eigen::Ref<Vector> sum) const = 0;
};

/// Forward mode: one call of the loss for each entry.
template <class Loss>
class ForwardSum final : public DifferentiatedSum {
public:
    explicit ForwardSum(Loss loss) : loss_(std::move(loss)) {}

    double value(VectorView w, const Batch& batch) const override {
        double sum = 0.0;
        for (Index s = 0; s < batch.size(); ++s) sum += static_cast<double>(loss_(w, batch[s]));
        return sum;
    }

    void add_gradient(VectorView w, const Batch& batch, const ParameterRange& rows,
                      Eigen::Ref<Vector> sum) const override {
        Eigen::Matrix<Dual, Eigen::Dynamic, 1> x = w.cast<Dual>();
        for (Index i = 0; i < rows.size; ++i) {
            Dual& moved = x(rows.offset + i);
            const Dual still = moved;
            moved = boost::math::differentiation::make_fvar<double, 1>(w(rows.offset + i));
            for (Index s = 0; s < batch.size(); ++s) sum(i) += Dual(loss_(x, batch[s])).derivative(1);
            moved = still;
        }
    }

    void add_product(VectorView w, VectorView v, const Batch& batch, const ParameterRange& rows,
                     Eigen::Ref<Vector> sum) const override {
        using boost::math::differentiation::make_fvar;
        // w + s v + t e_i: the derivative by s and t is (H v)_i.
        Eigen::Matrix<SecondDual, Eigen::Dynamic, 1> x(w.size());
        const SecondDual along_v = make_fvar<double, 1>(0.0), along_entry = make_fvar<double, 0, 1>(0.0);
        for (Index j = 0; j < w.size(); ++j) x(j) = w(j) + v(j) * along_v;
        for (Index i = 0; i < rows.size; ++i) {
            SecondDual& moved = x(rows.offset + i);
            const SecondDual still = moved;
            moved += along_entry;
            for (Index s = 0; s < batch.size(); ++s) sum(i) += SecondDual(loss_(x, batch[s])).derivative(1, 1);
            moved = still;
        }
    }

private:
    Loss loss_;
};

/// A function of w alone as a sum over one sample.
template <class Loss>
std::shared_ptr<const DifferentiatedSum> one_sample(Loss loss) {
    const auto of_sample = [loss = std::move(loss)](const auto& w, Index) { return loss(w); };
    return std::make_shared<const ForwardSum<std::remove_const_t<decltype(of_sample)>>>(of_sample);
}

/// A loss of your own, written once for any scalar type; its gradient and Hessian follow, exact to rounding:
///
///     const AutodiffObjective bowl(3, [](const auto& w) { return w(0) * w(0) + exp(w(1) * w(2)); });
///     const Matrix h = bowl.dense_hessian(w);
///
/// The lambda gets a vector of n numbers: w(i), w.size(), and Eigen's w.head(k), w.dot(u), w.squaredNorm(), A * w with
/// a Matrix A. It must be a pure function, callable from several threads.
///
/// Cost       Forward mode. A gradient is n calls with numbers of 2 doubles, a Hessian product n with numbers of 4, the
///            dense Hessian n (n + 1) / 2 of those; entries in parallel. Compile with -O3, or these numbers cost up to
///            ten times as much. For a few hundred parameters; beyond that give a gradient and a product of your own
///            (FunctionObjective).
/// Error bar  None: no differences are taken. At a kink (abs, max) the side that the comparison takes is
/// differentiated. Throws     std::invalid_argument if dimension < 1 or w has the wrong size; NumericalError if the
/// loss or a derivative
///            is not finite, with the point.
class AutodiffObjective : public Objective {
public:
    template <class Loss>
    AutodiffObjective(Index dimension, Loss loss) : dimension_(dimension), sum_(one_sample(std::move(loss))) {
        check();
    }

    Index dimension() const override { return dimension_; }
    double value(VectorView w) const override;
    Vector gradient(VectorView w) const override;
    SymmetricOperator hessian(VectorView w) const override;
    Matrix dense_hessian(VectorView w) const override;
    Matrix dense_hessian_block(VectorView w, const ParameterRange& rows, const ParameterRange& columns) const override;
    Vector hessian_diagonal(VectorView w) const override;

private:
    void check() const;

    Index dimension_;
    std::shared_ptr<const DifferentiatedSum> sum_;
};

/// A mean of per-sample losses of your own, (1/m) sum_s l(w, s), and if you like a penalty R(w) that is counted once,
/// in full: everything about noise, Fisher matrices' data side and batches works on it.
///
///     const AutodiffFiniteSum fit(2, y.size(), [x, y](const auto& w, Index s) {
///         const auto error = w(0) * x(s) + w(1) - y(s);
///         return 0.5 * error * error;
///     });
///
/// Cost       As AutodiffObjective, for each sample.
/// Throws     Also std::invalid_argument if samples < 1 or a batch is empty or out of range.
class AutodiffFiniteSum : public FiniteSumObjective {
public:
    template <class Loss>
    AutodiffFiniteSum(Index dimension, Index samples, Loss loss)
        : dimension_(dimension), samples_(samples), loss_(std::make_shared<const ForwardSum<Loss>>(std::move(loss))) {
        check();
    }

    template <class Loss, class Penalty>
    AutodiffFiniteSum(Index dimension, Index samples, Loss loss, Penalty penalty)
        : AutodiffFiniteSum(dimension, samples, std::move(loss)) {
        penalty_ = one_sample(std::move(penalty));
    }

    using FiniteSumObjective::dense_hessian;
    using FiniteSumObjective::dense_hessian_block;
    using FiniteSumObjective::gradient;
    using FiniteSumObjective::hessian;
    using FiniteSumObjective::hessian_diagonal;
    using FiniteSumObjective::value;
    using FiniteSumObjective::value_and_gradient;

    Index dimension() const override { return dimension_; }
    Index samples() const override { return samples_; }
    double value(VectorView w, const Batch& batch) const override;
    ValueAndGradient value_and_gradient(VectorView w, const Batch& batch) const override;
    SymmetricOperator hessian(VectorView w, const Batch& batch) const override;
    Matrix dense_hessian(VectorView w, const Batch& batch) const override;
    Matrix dense_hessian_block(VectorView w, const Batch& batch, const ParameterRange& rows,
                               const ParameterRange& columns) const override;
    Vector hessian_diagonal(VectorView w, const Batch& batch) const override;
    Matrix per_sample_gradients(VectorView w, const Batch& batch) const override;

private:
    void check() const;

    Index dimension_, samples_;
    std::shared_ptr<const DifferentiatedSum> loss_, penalty_;
};

} // namespace hessq
#pragma GCC visibility pop
