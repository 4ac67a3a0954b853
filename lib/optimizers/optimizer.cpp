#include "hessq/optimizers/optimizer.hpp"

#include "hessq/core/require.hpp"
#include "hessq/preconditioners/adaptive.hpp"

#include <cmath>
#include <functional>
#include <string_view>
#include <utility>

namespace hessq {
namespace {

void check_decay(double beta, const std::string& optimizer, std::string_view option) {
    require(beta >= 0.0 && beta < 1.0, optimizer, std::string(option) + " must lie in [0, 1)", beta);
}

void check_eps(double eps, std::string_view optimizer) {
    require(eps >= 0.0, optimizer, "eps must be at least 0", eps);
}

/// What g becomes before it is divided; both keep m in `buffer`, which starts at 0.
enum class Memory {
    none,
    sum,    ///< m = mu m + g
    average ///< m = mu m + (1 - mu) g, divided by 1 - mu^t
};

enum class Decay { coupled, decoupled };

struct Recipe {
    std::string name;
    double lr;
    double weight_decay;
    Decay decay = Decay::coupled;
    Memory memory = Memory::none;
    double mu = 0.0;
    std::function<std::unique_ptr<Preconditioner>(Index)> preconditioner;
};

class PreconditionedDescent final : public Optimizer {
public:
    explicit PreconditionedDescent(Recipe recipe) : recipe_(std::move(recipe)) {
        const std::string function = recipe_.name + "_optimizer";
        require(recipe_.lr > 0.0, function, "lr must be greater than 0", recipe_.lr);
        require(recipe_.weight_decay >= 0.0, function, "weight_decay must be at least 0", recipe_.weight_decay);
    }

    std::string name() const override { return recipe_.name; }

    Vector update(VectorView w, VectorView g) override {
        require_size(g.size(), w.size(), recipe_.name + " step", "the gradient");
        if (steps_ == 0) {
            preconditioner_ = recipe_.preconditioner(w.size());
            buffer_ = Vector::Zero(w.size());
        }
        require_size(w.size(), buffer_.size(), recipe_.name + " step", "w");
        ++steps_;
        Vector gradient = g;
        if (recipe_.decay == Decay::coupled) gradient += recipe_.weight_decay * w;
        preconditioner_->observe(gradient);
        Vector direction = remember(gradient).cwiseQuotient(preconditioner_->diagonal().value());
        if (recipe_.decay == Decay::decoupled) direction += recipe_.weight_decay * w;
        return recipe_.lr * direction;
    }

    const Preconditioner& preconditioner() const override {
        require(steps_ >= 1, recipe_.name + " optimizer", "at least one step must have been made", steps_);
        return *preconditioner_;
    }

private:
    Vector remember(const Vector& g) {
        if (recipe_.memory == Memory::none) return g;
        const bool average = recipe_.memory == Memory::average;
        buffer_ = recipe_.mu * buffer_ + (average ? 1.0 - recipe_.mu : 1.0) * g;
        return buffer_ / (average ? 1.0 - std::pow(recipe_.mu, static_cast<double>(steps_)) : 1.0);
    }

    Recipe recipe_;
    std::unique_ptr<Preconditioner> preconditioner_;
    Vector buffer_;
    Index steps_ = 0;
};

std::unique_ptr<Optimizer> build(Recipe recipe) { return std::make_unique<PreconditionedDescent>(std::move(recipe)); }

/// Adam and AdamW differ in where the weights decay.
template <class Options>
Recipe adam_recipe(const std::string& name, const Options& options, Decay decay) {
    check_decay(options.beta1, name + "_optimizer", "beta1");
    check_decay(options.beta2, name + "_optimizer", "beta2");
    check_eps(options.eps, name + "_optimizer");
    return {.name = name,
            .lr = options.lr,
            .weight_decay = options.weight_decay,
            .decay = decay,
            .memory = Memory::average,
            .mu = options.beta1,
            .preconditioner = [options](Index n) {
                return adam_preconditioner(n, {.beta2 = options.beta2, .eps = options.eps});
            }};
}

} // namespace

std::unique_ptr<Optimizer> sgd_optimizer(const SgdOptions& options) {
    return build(
        {.name = "sgd", .lr = options.lr, .weight_decay = options.weight_decay, .preconditioner = sgd_preconditioner});
}

std::unique_ptr<Optimizer> momentum_optimizer(const MomentumOptions& options) {
    check_decay(options.momentum, "momentum_optimizer", "momentum");
    return build({.name = "momentum",
                  .lr = options.lr,
                  .weight_decay = options.weight_decay,
                  .memory = Memory::sum,
                  .mu = options.momentum,
                  .preconditioner = sgd_preconditioner});
}

std::unique_ptr<Optimizer> rmsprop_optimizer(const RmspropOptions& options) {
    check_decay(options.alpha, "rmsprop_optimizer", "alpha");
    check_eps(options.eps, "rmsprop_optimizer");
    return build({.name = "rmsprop",
                  .lr = options.lr,
                  .weight_decay = options.weight_decay,
                  .preconditioner = [options](Index n) {
                      return rmsprop_preconditioner(n, {.alpha = options.alpha, .eps = options.eps});
                  }});
}

std::unique_ptr<Optimizer> adam_optimizer(const AdamOptions& options) {
    return build(adam_recipe("adam", options, Decay::coupled));
}

std::unique_ptr<Optimizer> adamw_optimizer(const AdamwOptions& options) {
    return build(adam_recipe("adamw", options, Decay::decoupled));
}

std::unique_ptr<Optimizer> adagrad_optimizer(const AdagradOptions& options) {
    check_eps(options.eps, "adagrad_optimizer");
    return build({.name = "adagrad",
                  .lr = options.lr,
                  .weight_decay = options.weight_decay,
                  .preconditioner = [options](Index n) { return adagrad_preconditioner(n, {.eps = options.eps}); }});
}

std::unique_ptr<Optimizer> adabelief_optimizer(const AdabeliefOptions& options) {
    Recipe recipe = adam_recipe("adabelief", options, Decay::coupled);
    recipe.preconditioner = [options](Index n) {
        return adabelief_preconditioner(n, {.beta1 = options.beta1, .beta2 = options.beta2, .eps = options.eps});
    };
    return build(std::move(recipe));
}

} // namespace hessq
