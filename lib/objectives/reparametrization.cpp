#include "hessq/objectives/reparametrization.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/factorizations.hpp"
#include "hessq/core/require.hpp"

#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

namespace hessq {
namespace {

/// theta = D phi.
struct Diagonal {
    Vector d;

    Matrix forward(MatrixView v) const { return d.asDiagonal() * v; }
    Matrix backward(MatrixView v) const { return d.asDiagonal() * v; }
    Matrix sandwich(MatrixView h) const { return d.asDiagonal() * h * d.asDiagonal(); }
    /// diag(D H D) from whichever of H's diagonal and products it needs.
    template <class InnerDiagonal, class InnerOperator>
    Vector diagonal(const InnerDiagonal& diagonal, const InnerOperator&) const {
        return d.cwiseProduct(diagonal()).cwiseProduct(d);
    }
    ParameterLayout layout(const ParameterLayout& theirs) const { return theirs; }
};

/// theta = A phi.
struct Linear {
    Matrix a;

    Matrix forward(MatrixView v) const { return a * v; }
    Matrix backward(MatrixView v) const { return a.transpose() * v; }
    Matrix sandwich(MatrixView h) const {
        const Matrix product = a.transpose() * h * a;
        return 0.5 * (product + product.transpose());
    }
    template <class InnerDiagonal, class InnerOperator>
    Vector diagonal(const InnerDiagonal&, const InnerOperator& h) const {
        const Matrix product = h() * a;
        return a.cwiseProduct(product).colwise().sum().transpose();
    }
    ParameterLayout layout(const ParameterLayout&) const {
        ParameterLayout result;
        result.append("phi", a.rows());
        return result;
    }
};

template <class Map>
SymmetricOperator seen_through(SymmetricOperator h, std::shared_ptr<const Map> map) {
    const Index n = h.dimension();
    std::string name = h.name();
    return SymmetricOperator(
        n, [h = std::move(h), map = std::move(map)](MatrixView v) { return map->backward(h * map->forward(v)); },
        std::move(name));
}

template <class Base, class Map>
class Reparametrized : public Base {
public:
    Reparametrized(std::shared_ptr<const Base> inner, std::shared_ptr<const Map> map)
        : inner_(std::move(inner)), map_(std::move(map)) {}

    using Base::dense_hessian;
    using Base::gradient;
    using Base::hessian;
    using Base::hessian_diagonal;
    using Base::value;
    using Base::value_and_gradient;

    Index dimension() const override { return inner_->dimension(); }
    Index samples() const override { return inner_->samples(); }
    ParameterLayout layout() const override { return map_->layout(inner_->layout()); }
    double value(VectorView phi, const Batch& batch) const override { return inner_->value(theta(phi), batch); }
    ValueAndGradient value_and_gradient(VectorView phi, const Batch& batch) const override {
        ValueAndGradient result = inner_->value_and_gradient(theta(phi), batch);
        result.gradient = map_->backward(result.gradient);
        return result;
    }
    SymmetricOperator hessian(VectorView phi, const Batch& batch) const override {
        return seen_through(inner_->hessian(theta(phi), batch), map_);
    }
    Matrix dense_hessian(VectorView phi, const Batch& batch) const override {
        return map_->sandwich(inner_->dense_hessian(theta(phi), batch));
    }
    Vector hessian_diagonal(VectorView phi, const Batch& batch) const override {
        const Vector w = theta(phi);
        return map_->diagonal([&] { return inner_->hessian_diagonal(w, batch); },
                              [&] { return inner_->hessian(w, batch); });
    }
    Matrix per_sample_gradients(VectorView phi, const Batch& batch) const override {
        return map_->backward(inner_->per_sample_gradients(theta(phi), batch));
    }
    Matrix gradient_second_moment(VectorView phi, const Batch& batch) const override {
        return map_->sandwich(inner_->gradient_second_moment(theta(phi), batch));
    }

protected:
    Vector theta(VectorView phi) const {
        require_size(phi.size(), inner_->dimension(), "reparametrized loss", "phi");
        return map_->forward(phi);
    }
    const Base& inner() const { return *inner_; }
    const std::shared_ptr<const Map>& map() const { return map_; }

private:
    std::shared_ptr<const Base> inner_;
    std::shared_ptr<const Map> map_;
};

template <class Map>
class ReparametrizedModel final : public Reparametrized<ModelObjective, Map> {
public:
    using Reparametrized<ModelObjective, Map>::Reparametrized;
    using ModelObjective::dense_gauss_newton;
    using ModelObjective::gauss_newton;
    using ModelObjective::gauss_newton_diagonal;

    Index outputs() const override { return this->inner().outputs(); }
    SymmetricOperator gauss_newton(VectorView phi, const Batch& batch) const override {
        return seen_through(this->inner().gauss_newton(this->theta(phi), batch), this->map());
    }
    Matrix dense_gauss_newton(VectorView phi, const Batch& batch) const override {
        return this->map()->sandwich(this->inner().dense_gauss_newton(this->theta(phi), batch));
    }
    Vector gauss_newton_diagonal(VectorView phi, const Batch& batch) const override {
        const Vector w = this->theta(phi);
        return this->map()->diagonal([&] { return this->inner().gauss_newton_diagonal(w, batch); },
                                     [&] { return this->inner().gauss_newton(w, batch); });
    }
    Matrix sampled_label_gradients(VectorView phi, const Batch& batch, std::uint64_t seed) const override {
        return this->map()->backward(this->inner().sampled_label_gradients(this->theta(phi), batch, seed));
    }
};

template <class Map>
std::shared_ptr<const FiniteSumObjective> wrapped(std::shared_ptr<const FiniteSumObjective> objective, Map map) {
    auto shared = std::make_shared<const Map>(std::move(map));
    if (auto model = std::dynamic_pointer_cast<const ModelObjective>(objective))
        return std::make_shared<ReparametrizedModel<Map>>(std::move(model), std::move(shared));
    return std::make_shared<Reparametrized<FiniteSumObjective, Map>>(std::move(objective), std::move(shared));
}

void check_given(const std::shared_ptr<const FiniteSumObjective>& objective, std::string_view function) {
    require(objective != nullptr, function, "an objective must be given", "none");
}

} // namespace

std::shared_ptr<const FiniteSumObjective> reparametrize(std::shared_ptr<const FiniteSumObjective> objective, Vector d) {
    check_given(objective, "reparametrize");
    require_size(d.size(), objective->dimension(), "reparametrize", "d");
    for (const double factor : d)
        require(factor != 0.0 && std::isfinite(factor), "reparametrize", "factors must be finite and not 0", factor);
    return wrapped(std::move(objective), Diagonal{std::move(d)});
}

std::shared_ptr<const FiniteSumObjective> reparametrize_linear(std::shared_ptr<const FiniteSumObjective> objective,
                                                               Matrix a) {
    check_given(objective, "reparametrize_linear");
    const Index n = objective->dimension();
    require(a.rows() == n && a.cols() == n, "reparametrize_linear",
            "the matrix must be " + std::to_string(n) + " x " + std::to_string(n),
            std::to_string(a.rows()) + " x " + std::to_string(a.cols()));
    require_finite(a, "reparametrize_linear: the matrix");
    const Vector singular = singular_values(a);
    if (!(singular(n - 1) > std::numeric_limits<double>::epsilon() * singular(0)))
        throw NumericalError("reparametrize_linear: expected a matrix that can be inverted; got one that is singular "
                             "to rounding");
    return wrapped(std::move(objective), Linear{std::move(a)});
}

} // namespace hessq
