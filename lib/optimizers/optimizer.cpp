#include "hessq/optimizers/optimizer.hpp"

#include "hessq/core/require.hpp"
#include "hessq/preconditioners/adaptive.hpp"
#include "hessq/preconditioners/shampoo.hpp"
#include "hessq/spectrum/matrix_sign.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace hessq {
namespace {

void require_decay(double beta, const std::string& optimizer, std::string_view option) {
    require(beta >= 0.0 && beta < 1.0, optimizer, std::string(option) + " must lie in [0, 1)", beta);
}

void require_eps(double eps, std::string_view optimizer) {
    require(eps >= 0.0, optimizer, "eps must be at least 0", eps);
}

/// What g becomes before it is divided; all but none keep m in `buffer`, which starts at 0.
enum class Memory {
    none,
    sum,       ///< m = mu m + g
    lookahead, ///< g + mu m with this m
    average,   ///< m = mu m + (1 - mu) g, divided by 1 - mu^t
    blend      ///< nu m + (1 - nu) g with the m before, then m = mu m + (1 - mu) g
};

enum class Decay { coupled, decoupled };

/// What is made as long as the layer's parameters.
enum class Trust { none, gradient, update };

/// What the step's parts see of it. An empty layout has become one layer.
using Layers = std::vector<ParameterGroup>;

struct Recipe {
    std::string name;
    double lr;
    double weight_decay;
    Decay decay = Decay::coupled;
    Memory memory = Memory::none;
    double mu = 0.0;
    double nu = 0.0;
    /// From the parameters' layers; sees gradients, and curvature where there is some.
    std::function<std::unique_ptr<Preconditioner>(const ParameterLayout&)> preconditioner = {};
    bool needs_curvature = false;
    /// What becomes of the direction after the division.
    std::function<void(Vector&, const Layers&)> shape = {};
    Trust trust = Trust::none;
    double trust_coefficient = 1.0;
    ParameterLayout layout = {};
};

class PreconditionedDescent final : public Optimizer {
public:
    explicit PreconditionedDescent(Recipe recipe) : recipe_(std::move(recipe)) {
        const std::string function = recipe_.name + "_optimizer";
        require(recipe_.lr > 0.0, function, "lr must be greater than 0", recipe_.lr);
        require(recipe_.weight_decay >= 0.0, function, "weight_decay must be at least 0", recipe_.weight_decay);
    }

    std::string name() const override { return recipe_.name; }

    void observe_curvature(const LocalCurvature& curvature) override {
        if (!recipe_.needs_curvature) return;
        settle(curvature.dimension());
        preconditioner_->observe_curvature(curvature);
        sees_curvature_ = true;
    }

    Vector update(VectorView w, VectorView g) override {
        require_size(g.size(), w.size(), recipe_.name + " step", "the gradient");
        settle(w.size());
        require(sees_curvature_ || !recipe_.needs_curvature, recipe_.name + " step",
                "observe_curvature must have been called for it", "no call");
        sees_curvature_ = false;
        ++steps_;
        Vector gradient = g;
        if (recipe_.decay == Decay::coupled) gradient += recipe_.weight_decay * w;
        if (recipe_.trust == Trust::gradient) rescale(gradient, w, g, recipe_.weight_decay);
        preconditioner_->observe(gradient);
        Vector direction = divide(remember(gradient));
        if (recipe_.shape) recipe_.shape(direction, layers_);
        if (recipe_.decay == Decay::decoupled) direction += recipe_.weight_decay * w;
        if (recipe_.trust == Trust::update) rescale(direction, w, direction.eval(), 0.0);
        return recipe_.lr * direction;
    }

    Vector memory() const override { return buffer_; }

    const Preconditioner& preconditioner() const override {
        require(steps_ >= 1, recipe_.name + " optimizer", "at least one step must have been made", steps_);
        return *preconditioner_;
    }

private:
    void settle(Index dimension) {
        if (preconditioner_ == nullptr) {
            ParameterLayout layout = recipe_.layout;
            if (layout.groups.empty()) layout.append("w", dimension);
            require_size(dimension, layout.dimension(), recipe_.name + " step", "w");
            preconditioner_ = recipe_.preconditioner(layout);
            buffer_ = Vector::Zero(dimension);
            layers_ = std::move(layout.groups);
        }
        require_size(dimension, buffer_.size(), recipe_.name + " step", "w");
    }

    /// Entries that are not numbers pass a diagonal as they are; an operator refuses them.
    Vector divide(const Vector& v) const {
        if (const auto diagonal = preconditioner_->diagonal()) return v.cwiseQuotient(*diagonal);
        return preconditioner_->inverse() * v;
    }

    Vector remember(const Vector& g) {
        const double mu = recipe_.mu;
        switch (recipe_.memory) {
        case Memory::none:
            return g;
        case Memory::sum:
            buffer_ = mu * buffer_ + g;
            return buffer_;
        case Memory::lookahead:
            buffer_ = mu * buffer_ + g;
            return g + mu * buffer_;
        case Memory::average:
            buffer_ = mu * buffer_ + (1.0 - mu) * g;
            return buffer_ / (1.0 - std::pow(mu, static_cast<double>(steps_)));
        case Memory::blend: {
            const Vector blended = recipe_.nu * buffer_ + (1.0 - recipe_.nu) * g;
            buffer_ = mu * buffer_ + (1.0 - mu) * g;
            return blended;
        }
        }
        return g;
    }

    /// Multiplies each layer of v by coefficient |w| / (|reference| + decay |w|).
    void rescale(Vector& v, VectorView w, VectorView reference, double decay) const {
        for (const ParameterGroup& layer : layers_) {
            const double size = w.segment(layer.offset, layer.size()).norm();
            const double length = reference.segment(layer.offset, layer.size()).norm() + decay * size;
            if (size > 0.0 && length > 0.0)
                v.segment(layer.offset, layer.size()) *= recipe_.trust_coefficient * size / length;
        }
    }

    Recipe recipe_;
    std::unique_ptr<Preconditioner> preconditioner_;
    Vector buffer_;
    Layers layers_;
    bool sees_curvature_ = false;
    Index steps_ = 0;
};

/// For preconditioners that see a vector and no layers.
template <class Make>
auto of_size(Make make) {
    return [make](const ParameterLayout& layout) { return make(layout.dimension()); };
}

void to_signs(Vector& v, const Layers&) { v = v.cwiseSign().eval(); }

/// Every layer's matrix to s msign of it.
auto to_matrix_signs(MatrixSign sign) {
    return [sign](Vector& v, const Layers& layers) {
        using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
        for (const ParameterGroup& layer : layers) {
            Eigen::Map<RowMajor> matrix(v.data() + layer.offset, layer.rows, layer.cols);
            const double shape = static_cast<double>(layer.rows) / static_cast<double>(layer.cols);
            matrix = std::sqrt(std::max(1.0, shape)) *
                     (sign == MatrixSign::exact ? matrix_sign(matrix) : newton_schulz_sign(matrix));
        }
    };
}

std::unique_ptr<Optimizer> build(Recipe recipe) { return std::make_unique<PreconditionedDescent>(std::move(recipe)); }

template <class Options>
Recipe momentum_recipe(const std::string& name, const Options& options, Memory memory) {
    require_decay(options.momentum, name + "_optimizer", "momentum");
    return {.name = name,
            .lr = options.lr,
            .weight_decay = options.weight_decay,
            .memory = memory,
            .mu = options.momentum,
            .preconditioner = of_size(sgd_preconditioner)};
}

/// Adam and AdamW differ in where the weights decay.
template <class Options>
Recipe adam_recipe(const std::string& name, const Options& options, Decay decay) {
    require_decay(options.beta1, name + "_optimizer", "beta1");
    require_decay(options.beta2, name + "_optimizer", "beta2");
    require_eps(options.eps, name + "_optimizer");
    return {.name = name,
            .lr = options.lr,
            .weight_decay = options.weight_decay,
            .decay = decay,
            .memory = Memory::average,
            .mu = options.beta1,
            .preconditioner = of_size(
                [options](Index n) { return adam_preconditioner(n, {.beta2 = options.beta2, .eps = options.eps}); })};
}

} // namespace

std::unique_ptr<Optimizer> sgd_optimizer(const SgdOptions& options) {
    return build({.name = "sgd",
                  .lr = options.lr,
                  .weight_decay = options.weight_decay,
                  .preconditioner = of_size(sgd_preconditioner)});
}

std::unique_ptr<Optimizer> momentum_optimizer(const MomentumOptions& options) {
    return build(momentum_recipe("momentum", options, Memory::sum));
}

std::unique_ptr<Optimizer> nesterov_optimizer(const MomentumOptions& options) {
    return build(momentum_recipe("nesterov", options, Memory::lookahead));
}

std::unique_ptr<Optimizer> rmsprop_optimizer(const RmspropOptions& options) {
    require_decay(options.alpha, "rmsprop_optimizer", "alpha");
    require_eps(options.eps, "rmsprop_optimizer");
    return build({.name = "rmsprop",
                  .lr = options.lr,
                  .weight_decay = options.weight_decay,
                  .preconditioner = of_size([options](Index n) {
                      return rmsprop_preconditioner(n, {.alpha = options.alpha, .eps = options.eps});
                  })});
}

std::unique_ptr<Optimizer> adam_optimizer(const AdamOptions& options) {
    return build(adam_recipe("adam", options, Decay::coupled));
}

std::unique_ptr<Optimizer> adamw_optimizer(const AdamwOptions& options) {
    return build(adam_recipe("adamw", options, Decay::decoupled));
}

std::unique_ptr<Optimizer> adagrad_optimizer(const AdagradOptions& options) {
    require_eps(options.eps, "adagrad_optimizer");
    return build(
        {.name = "adagrad",
         .lr = options.lr,
         .weight_decay = options.weight_decay,
         .preconditioner = of_size([options](Index n) { return adagrad_preconditioner(n, {.eps = options.eps}); })});
}

std::unique_ptr<Optimizer> adabelief_optimizer(const AdabeliefOptions& options) {
    Recipe recipe = adam_recipe("adabelief", options, Decay::coupled);
    recipe.preconditioner = of_size([options](Index n) {
        return adabelief_preconditioner(n, {.beta1 = options.beta1,
                                            .beta2 = options.beta2,
                                            .eps = options.eps,
                                            .recursion_eps = options.recursion_eps});
    });
    return build(std::move(recipe));
}

std::unique_ptr<Optimizer> adadelta_optimizer(const AdadeltaOptions& options) {
    const AdadeltaPreconditionerOptions inner{.rho = options.rho,
                                              .eps = options.eps,
                                              .initial_squared_update = options.initial_squared_update,
                                              .update_eps = options.update_eps};
    require_decay(options.rho, "adadelta_optimizer", "rho");
    require_eps(options.eps, "adadelta_optimizer");
    require(options.initial_squared_update >= 0.0, "adadelta_optimizer", "initial_squared_update must be at least 0",
            options.initial_squared_update);
    return build({.name = "adadelta",
                  .lr = options.lr,
                  .weight_decay = options.weight_decay,
                  .preconditioner = of_size([inner](Index n) { return adadelta_preconditioner(n, inner); })});
}

std::unique_ptr<Optimizer> sign_optimizer(const SignOptions& options) {
    return build({.name = "sign",
                  .lr = options.lr,
                  .weight_decay = options.weight_decay,
                  .preconditioner = of_size(sgd_preconditioner),
                  .shape = to_signs});
}

std::unique_ptr<Optimizer> lion_optimizer(const LionOptions& options) {
    require_decay(options.beta1, "lion_optimizer", "beta1");
    require_decay(options.beta2, "lion_optimizer", "beta2");
    return build({.name = "lion",
                  .lr = options.lr,
                  .weight_decay = options.weight_decay,
                  .decay = Decay::decoupled,
                  .memory = Memory::blend,
                  .mu = options.beta2,
                  .nu = options.beta1,
                  .preconditioner = of_size(sgd_preconditioner),
                  .shape = to_signs});
}

std::unique_ptr<Optimizer> lars_optimizer(const LarsOptions& options) {
    require(options.trust > 0.0, "lars_optimizer", "trust must be greater than 0", options.trust);
    Recipe recipe = momentum_recipe("lars", options, Memory::sum);
    recipe.trust = Trust::gradient;
    recipe.trust_coefficient = options.trust;
    recipe.layout = options.layout;
    return build(std::move(recipe));
}

std::unique_ptr<Optimizer> lamb_optimizer(const LambOptions& options) {
    Recipe recipe = adam_recipe("lamb", options, Decay::decoupled);
    recipe.trust = Trust::update;
    recipe.layout = options.layout;
    return build(std::move(recipe));
}

std::unique_ptr<Optimizer> sophia_optimizer(const SophiaOptions& options) {
    const std::string function = "sophia_optimizer";
    require_decay(options.beta1, function, "beta1");
    require(options.clip > 0.0, function, "clip must be greater than 0", options.clip);
    (void)sophia_preconditioner(1, options.curvature); // its options are checked here and now
    return build(
        {.name = "sophia",
         .lr = options.lr,
         .weight_decay = options.weight_decay,
         .decay = Decay::decoupled,
         .memory = Memory::blend, // with nu = mu: the average of the gradients so far
         .mu = options.beta1,
         .nu = options.beta1,
         .preconditioner = of_size([inner = options.curvature](Index n) { return sophia_preconditioner(n, inner); }),
         .needs_curvature = true,
         .shape = [clip = options.clip](Vector& v, const Layers&) {
             v = v.unaryExpr([clip](double x) { return std::clamp(x, -clip, clip); }).eval();
         }});
}

std::unique_ptr<Optimizer> adahessian_optimizer(const AdahessianOptions& options) {
    require_decay(options.beta1, "adahessian_optimizer", "beta1");
    (void)adahessian_preconditioner(1, options.curvature);
    return build({.name = "adahessian",
                  .lr = options.lr,
                  .weight_decay = options.weight_decay,
                  .decay = Decay::decoupled,
                  .memory = Memory::average,
                  .mu = options.beta1,
                  .preconditioner =
                      of_size([inner = options.curvature](Index n) { return adahessian_preconditioner(n, inner); }),
                  .needs_curvature = true});
}

std::unique_ptr<Optimizer> shampoo_optimizer(const ShampooOptions& options) {
    const ShampooPreconditionerOptions inner{.eps = options.eps, .power = options.power};
    ParameterLayout one;
    one.append("w", 1);
    (void)shampoo_preconditioner(one, inner);
    Recipe recipe = momentum_recipe("shampoo", options, Memory::sum);
    recipe.layout = options.layout;
    recipe.preconditioner = [inner](const ParameterLayout& layout) { return shampoo_preconditioner(layout, inner); };
    return build(std::move(recipe));
}

std::unique_ptr<Optimizer> muon_optimizer(const MuonOptions& options) {
    Recipe recipe = momentum_recipe("muon", options, options.nesterov ? Memory::lookahead : Memory::sum);
    recipe.decay = Decay::decoupled;
    recipe.layout = options.layout;
    recipe.shape = to_matrix_signs(options.sign);
    return build(std::move(recipe));
}

std::unique_ptr<Optimizer> newton_optimizer(const NewtonOptimizerOptions& options) {
    (void)newton_preconditioner(1, options.curvature);
    return build(
        {.name = "newton",
         .lr = options.lr,
         .weight_decay = options.weight_decay,
         .preconditioner = of_size([inner = options.curvature](Index n) { return newton_preconditioner(n, inner); }),
         .needs_curvature = true});
}

} // namespace hessq
