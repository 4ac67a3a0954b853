#include "hessq/optimizers/registry.hpp"

#include "hessq/core/require.hpp"
#include "hessq/core/text.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace hessq {
namespace {

using Settings = OptimizerSettings;

struct Method {
    OptimizerInfo info;
    Settings defaults; ///< what is empty here the method does not have
    std::function<std::unique_ptr<Optimizer>(const Settings&)> make;
};

Settings decayed(Settings s) {
    s.weight_decay = 0.0;
    return s;
}

template <class Options>
Settings adam_settings() {
    const Options o{};
    return {.lr = o.lr, .beta1 = o.beta1, .beta2 = o.beta2, .eps = o.eps, .weight_decay = o.weight_decay};
}

template <class Options>
Options adam_options(const Settings& s) {
    Options o{};
    o.lr = *s.lr;
    o.beta1 = *s.beta1;
    o.beta2 = *s.beta2;
    o.eps = *s.eps;
    o.weight_decay = *s.weight_decay;
    return o;
}

std::vector<Method> make_entries() {
    const RmspropOptions rmsprop{};
    const AdagradOptions adagrad{};
    const AdadeltaOptions adadelta{};
    const LionOptions lion{};
    const SophiaOptions sophia{};
    const AdahessianOptions adahessian{};
    const ShampooOptions shampoo{};
    const MuonOptions muon{};
    const NewtonOptimizerOptions newton{};
    return {
        {{.name = "sgd", .lr = 0.1},
         decayed({}),
         [](const Settings& s) { return sgd_optimizer({.lr = *s.lr, .weight_decay = *s.weight_decay}); }},
        {{.name = "momentum", .lr = 0.01},
         decayed({.beta1 = 0.9}),
         [](const Settings& s) {
             return momentum_optimizer({.lr = *s.lr, .momentum = *s.beta1, .weight_decay = *s.weight_decay});
         }},
        {{.name = "nesterov", .lr = 0.01},
         decayed({.beta1 = 0.9}),
         [](const Settings& s) {
             return nesterov_optimizer({.lr = *s.lr, .momentum = *s.beta1, .weight_decay = *s.weight_decay});
         }},
        {{.name = "adagrad", .lr = adagrad.lr},
         decayed({.eps = adagrad.eps}),
         [](const Settings& s) {
             return adagrad_optimizer({.lr = *s.lr, .eps = *s.eps, .weight_decay = *s.weight_decay});
         }},
        {{.name = "rmsprop", .lr = 1e-3},
         decayed({.beta2 = rmsprop.alpha, .eps = rmsprop.eps}),
         [](const Settings& s) {
             return rmsprop_optimizer({.lr = *s.lr, .alpha = *s.beta2, .eps = *s.eps, .weight_decay = *s.weight_decay});
         }},
        {{.name = "adadelta", .lr = adadelta.lr},
         decayed({.beta2 = adadelta.rho,
                  .eps = adadelta.eps,
                  .second_eps = adadelta.eps,
                  .initial_squared_update = adadelta.initial_squared_update}),
         [](const Settings& s) {
             return adadelta_optimizer({.lr = *s.lr,
                                        .rho = *s.beta2,
                                        .eps = *s.eps,
                                        .weight_decay = *s.weight_decay,
                                        .initial_squared_update = *s.initial_squared_update,
                                        .update_eps = s.second_eps});
         }},
        {{.name = "adam", .lr = 1e-3},
         adam_settings<AdamOptions>(),
         [](const Settings& s) { return adam_optimizer(adam_options<AdamOptions>(s)); }},
        {{.name = "adamw", .lr = 1e-3, .decoupled_decay = true},
         adam_settings<AdamwOptions>(),
         [](const Settings& s) { return adamw_optimizer(adam_options<AdamwOptions>(s)); }},
        {{.name = "adabelief", .lr = 1e-3},
         [] {
             Settings s = adam_settings<AdabeliefOptions>();
             s.second_eps = s.eps;
             return s;
         }(),
         [](const Settings& s) {
             AdabeliefOptions o = adam_options<AdabeliefOptions>(s);
             o.recursion_eps = s.second_eps;
             return adabelief_optimizer(o);
         }},
        {{.name = "lars", .lr = 1.0},
         decayed({.beta1 = 0.9}),
         [](const Settings& s) {
             return lars_optimizer(
                 {.lr = *s.lr, .momentum = *s.beta1, .weight_decay = *s.weight_decay, .layout = s.layout});
         }},
        {{.name = "lamb", .lr = 1e-3, .decoupled_decay = true},
         adam_settings<LambOptions>(),
         [](const Settings& s) {
             LambOptions o = adam_options<LambOptions>(s);
             o.layout = s.layout;
             return lamb_optimizer(o);
         }},
        {{.name = "sign", .lr = 1e-3},
         decayed({}),
         [](const Settings& s) { return sign_optimizer({.lr = *s.lr, .weight_decay = *s.weight_decay}); }},
        {{.name = "lion", .lr = 3e-4, .decoupled_decay = true},
         decayed({.beta1 = lion.beta1, .beta2 = lion.beta2}),
         [](const Settings& s) {
             return lion_optimizer(
                 {.lr = *s.lr, .beta1 = *s.beta1, .beta2 = *s.beta2, .weight_decay = *s.weight_decay});
         }},
        {{.name = "shampoo", .lr = shampoo.lr},
         decayed({.beta1 = shampoo.momentum, .eps = shampoo.eps, .power = shampoo.power}),
         [](const Settings& s) {
             return shampoo_optimizer({.lr = *s.lr,
                                       .momentum = *s.beta1,
                                       .eps = *s.eps,
                                       .power = *s.power,
                                       .weight_decay = *s.weight_decay,
                                       .layout = s.layout});
         }},
        {{.name = "muon", .lr = 0.01, .decoupled_decay = true},
         decayed({.beta1 = muon.momentum}),
         [](const Settings& s) {
             return muon_optimizer(
                 {.lr = *s.lr, .momentum = *s.beta1, .weight_decay = *s.weight_decay, .layout = s.layout});
         }},
        {{.name = "adahessian", .lr = adahessian.lr, .curvature = CurvatureNeed::products, .decoupled_decay = true},
         decayed({.beta1 = adahessian.beta1,
                  .beta2 = adahessian.curvature.beta2,
                  .eps = adahessian.curvature.eps,
                  .power = adahessian.curvature.power,
                  .estimate = adahessian.curvature.estimate}),
         [](const Settings& s) {
             return adahessian_optimizer(
                 {.lr = *s.lr,
                  .beta1 = *s.beta1,
                  .weight_decay = *s.weight_decay,
                  .curvature = {
                      .beta2 = *s.beta2, .eps = *s.eps, .power = *s.power, .estimate = *s.estimate, .seed = s.seed}});
         }},
        {{.name = "sophia", .lr = sophia.lr, .curvature = CurvatureNeed::products, .decoupled_decay = true},
         decayed({.beta1 = sophia.beta1,
                  .beta2 = sophia.curvature.beta2,
                  .eps = sophia.curvature.eps,
                  .clip = sophia.clip,
                  .estimate = sophia.curvature.estimate}),
         [](const Settings& s) {
             return sophia_optimizer(
                 {.lr = *s.lr,
                  .beta1 = *s.beta1,
                  .clip = *s.clip,
                  .weight_decay = *s.weight_decay,
                  .curvature = {.beta2 = *s.beta2, .eps = *s.eps, .estimate = *s.estimate, .seed = s.seed}});
         }},
        {{.name = "newton", .lr = newton.lr, .curvature = CurvatureNeed::matrix},
         decayed({.damping = newton.curvature.relative_damping}),
         [](const Settings& s) {
             return newton_optimizer(
                 {.lr = *s.lr, .weight_decay = *s.weight_decay, .curvature = {.relative_damping = *s.damping}});
         }},
    };
}

const std::vector<Method>& entries() {
    static const std::vector<Method> all = make_entries();
    return all;
}

const Method& entry(std::string_view name) {
    for (const Method& candidate : entries())
        if (candidate.info.name == name) return candidate;
    const std::string nearest = nearest_name(name, optimizer_names());
    require(false, "make_optimizer", "the name must be that of an optimizer",
            std::string(name.empty() ? "''" : name) + (nearest.empty() ? "" : " (did you mean " + nearest + "?)"));
    return entries().front();
}

/// What is given, where the method has it at all.
template <class T>
void take(std::optional<T>& setting, const std::optional<T>& given) {
    if (setting && given) setting = given;
}

} // namespace

const std::vector<OptimizerInfo>& optimizers() {
    static const std::vector<OptimizerInfo> all = [] {
        std::vector<OptimizerInfo> infos;
        for (const Method& each : entries()) infos.push_back(each.info);
        return infos;
    }();
    return all;
}

std::vector<std::string> optimizer_names() {
    std::vector<std::string> names;
    for (const Method& each : entries()) names.push_back(each.info.name);
    return names;
}

const OptimizerInfo& optimizer_info(std::string_view name) { return entry(name).info; }

OptimizerSettings complete_settings(std::string_view name, const OptimizerSettings& settings) {
    const Method& method = entry(name);
    OptimizerSettings result = method.defaults;
    result.lr = method.info.lr;
    take(result.lr, settings.lr);
    take(result.beta1, settings.beta1);
    take(result.beta2, settings.beta2);
    take(result.eps, settings.eps);
    if (result.second_eps) result.second_eps = result.eps;
    take(result.second_eps, settings.second_eps);
    take(result.weight_decay, settings.weight_decay);
    take(result.power, settings.power);
    take(result.clip, settings.clip);
    take(result.damping, settings.damping);
    take(result.initial_squared_update, settings.initial_squared_update);
    take(result.estimate, settings.estimate);
    result.layout = settings.layout;
    result.seed = settings.seed;
    return result;
}

std::unique_ptr<Optimizer> make_optimizer(std::string_view name, const OptimizerSettings& settings) {
    return entry(name).make(complete_settings(name, settings));
}

} // namespace hessq
