#include "hessq/preconditioners/adaptive.hpp"

#include "hessq/core/require.hpp"
#include "hessq/operators/second_moment.hpp"

#include <cmath>
#include <string_view>
#include <utility>

namespace hessq {
namespace {

void check_decay(double beta, std::string_view function, std::string_view option) {
    require(beta >= 0.0 && beta < 1.0, function, std::string(option) + " must lie in [0, 1)", beta);
}

void check_eps(double eps, std::string_view function) { require(eps >= 0.0, function, "eps must be at least 0", eps); }

void check_second_eps(const std::optional<double>& eps, std::string_view function, const std::string& option) {
    if (eps) require(*eps >= 0.0, function, option + " must be at least 0", *eps);
}

/// diag(sqrt(u) + eps), u being what an optimizer has made of the squared gradients.
class RootOfSquares : public DiagonalPreconditioner {
public:
    RootOfSquares(std::string name, Index dimension, double eps) : name_(std::move(name)), eps_(eps) {
        require(dimension >= 1, name_ + "_preconditioner", "dimension must be at least 1", dimension);
        check_eps(eps, name_ + "_preconditioner");
    }

    std::string name() const final { return name_; }

    void observe(VectorView g) final {
        accumulate(g);
        ++steps_;
    }

    Vector entries() const final {
        require(steps_ >= 1, name_ + " preconditioner", "at least one gradient must have been observed", steps_);
        return squares().cwiseSqrt().array() + eps_;
    }

protected:
    double steps() const { return static_cast<double>(steps_); }

private:
    virtual void accumulate(VectorView g) = 0;
    virtual Vector squares() const = 0;

    std::string name_;
    double eps_;
    Index steps_ = 0;
};

class Rmsprop final : public RootOfSquares {
public:
    Rmsprop(Index dimension, const RmspropPreconditionerOptions& options)
        : RootOfSquares("rmsprop", dimension, options.eps), averages_(dimension, {options.alpha}) {}

private:
    void accumulate(VectorView g) override { averages_.observe(g); }
    Vector squares() const override { return averages_.average(0); }

    SecondMomentAverages averages_;
};

class Adam final : public RootOfSquares {
public:
    Adam(Index dimension, const AdamPreconditionerOptions& options)
        : RootOfSquares("adam", dimension, options.eps), averages_(dimension, {options.beta2}) {}

private:
    void accumulate(VectorView g) override { averages_.observe(g); }
    Vector squares() const override { return averages_.corrected(0); }

    SecondMomentAverages averages_;
};

class Adagrad final : public RootOfSquares {
public:
    Adagrad(Index dimension, const AdagradPreconditionerOptions& options)
        : RootOfSquares("adagrad", dimension, options.eps), sum_(Vector::Zero(dimension)) {}

private:
    void accumulate(VectorView g) override {
        require_size(g.size(), sum_.size(), "adagrad preconditioner", "the gradient");
        sum_ += g.cwiseAbs2();
    }
    Vector squares() const override { return sum_; }

    Vector sum_;
};

class Adabelief final : public RootOfSquares {
public:
    Adabelief(Index dimension, const AdabeliefPreconditionerOptions& options)
        : RootOfSquares("adabelief", dimension, options.eps), beta1_(options.beta1), beta2_(options.beta2),
          recursion_eps_(options.recursion_eps.value_or(options.eps)), mean_(Vector::Zero(dimension)),
          spread_(Vector::Zero(dimension)) {}

private:
    void accumulate(VectorView g) override {
        require_size(g.size(), mean_.size(), "adabelief preconditioner", "the gradient");
        mean_ = beta1_ * mean_ + (1.0 - beta1_) * g;
        spread_ = (beta2_ * spread_ + (1.0 - beta2_) * (g - mean_).cwiseAbs2()).array() + recursion_eps_;
    }
    Vector squares() const override { return spread_ / (1.0 - std::pow(beta2_, steps())); }

    double beta1_, beta2_, recursion_eps_;
    Vector mean_, spread_;
};

class Adadelta final : public DiagonalPreconditioner {
public:
    Adadelta(Index dimension, const AdadeltaPreconditionerOptions& options)
        : options_(options), squares_(Vector::Zero(dimension)),
          updates_(Vector::Constant(dimension, options.initial_squared_update)) {}

    std::string name() const override { return "adadelta"; }

    void observe(VectorView g) override {
        require_size(g.size(), squares_.size(), "adadelta preconditioner", "the gradient");
        squares_ = options_.rho * squares_ + (1.0 - options_.rho) * g.cwiseAbs2();
        entries_ = (squares_.array() + options_.eps).sqrt() /
                   (updates_.array() + options_.update_eps.value_or(options_.eps)).sqrt();
        updates_ = options_.rho * updates_ + (1.0 - options_.rho) * g.cwiseQuotient(entries_).cwiseAbs2();
    }

    Vector entries() const override {
        require(entries_.size() > 0, "adadelta preconditioner", "at least one gradient must have been observed",
                Index{0});
        return entries_;
    }

private:
    AdadeltaPreconditionerOptions options_;
    Vector squares_, updates_, entries_;
};

} // namespace

std::unique_ptr<Preconditioner> rmsprop_preconditioner(Index dimension, const RmspropPreconditionerOptions& options) {
    check_decay(options.alpha, "rmsprop_preconditioner", "alpha");
    return std::make_unique<Rmsprop>(dimension, options);
}

std::unique_ptr<Preconditioner> adam_preconditioner(Index dimension, const AdamPreconditionerOptions& options) {
    check_decay(options.beta2, "adam_preconditioner", "beta2");
    return std::make_unique<Adam>(dimension, options);
}

std::unique_ptr<Preconditioner> adagrad_preconditioner(Index dimension, const AdagradPreconditionerOptions& options) {
    return std::make_unique<Adagrad>(dimension, options);
}

std::unique_ptr<Preconditioner> adabelief_preconditioner(Index dimension,
                                                         const AdabeliefPreconditionerOptions& options) {
    check_decay(options.beta1, "adabelief_preconditioner", "beta1");
    check_decay(options.beta2, "adabelief_preconditioner", "beta2");
    check_second_eps(options.recursion_eps, "adabelief_preconditioner", "recursion_eps");
    return std::make_unique<Adabelief>(dimension, options);
}

std::unique_ptr<Preconditioner> adadelta_preconditioner(Index dimension, const AdadeltaPreconditionerOptions& options) {
    const std::string_view function = "adadelta_preconditioner";
    require(dimension >= 1, function, "dimension must be at least 1", dimension);
    check_decay(options.rho, function, "rho");
    check_eps(options.eps, function);
    require(options.initial_squared_update >= 0.0, function, "initial_squared_update must be at least 0",
            options.initial_squared_update);
    check_second_eps(options.update_eps, function, "update_eps");
    return std::make_unique<Adadelta>(dimension, options);
}

} // namespace hessq
