#include "../measure.hpp"
#include "entries.hpp"
#include "hessq/core/factorizations.hpp"
#include "hessq/core/random.hpp"
#include "hessq/datasets/bundled.hpp"
#include "hessq/objectives/mlp.hpp"
#include "hessq/objectives/reparametrization.hpp"
#include "network.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numbers>
#include <utility>

namespace hessq::e8 {
namespace {

constexpr std::uint64_t stream = 8'000'000;

/// Theta under w <- w - map(update): what an optimizer does whose steps are multiplied by a matrix.
template <class Map>
Matrix mapped_path(const SmallNetwork& network, Optimizer& optimizer, const Map& map) {
    const BatchSampler sampler(network.objective->samples(), network.training.batch, network.training.sampling,
                               network.training.seed);
    Matrix path(network.start.size(), network.training.steps + 1);
    path.col(0) = network.start;
    for (Index t = 0; t < network.training.steps; ++t) {
        const Vector w = path.col(t);
        path.col(t + 1) = w - map(optimizer.update(w, network.objective->gradient(w, sampler(t))));
    }
    return path;
}

/// Uniformly random, by Gram and Schmidt.
Matrix random_rotation(Index n, std::uint64_t seed, std::uint64_t number) {
    Matrix gauss(n, n);
    (void)fill_normal(RandomStream(seed, stream + 100 + number), 0, gauss);
    const ThinQr qr = thin_qr(std::move(gauss));
    return qr.q * qr.r.diagonal().cwiseSign().asDiagonal();
}

ExperimentResult run(const ExperimentOptions& options) {
    const SmallNetwork network(options);
    const Index n = network.start.size();
    const RandomStream random(options.seed, stream);
    ExperimentResult result;
    const std::string quantity = "runs on phi and theta apart";

    // theta = D phi, entries of either sign.
    const Vector d = (0.5 * normal_vector(random, n)).array().exp() * sign_vector(random, n, 1000).array();
    result.cases.push_back(
        {"e8", "sgd, theta = D phi: steps of theta times D^2", quantity, 0.0,
         exact(path_deviation(
             reparametrized_path(network.objective, network.start, d, *sgd_optimizer({.lr = 0.1}), network.training),
             mapped_path(network, *sgd_optimizer({.lr = 0.1}),
                         [&](const Vector& u) -> Vector { return d.cwiseAbs2().cwiseProduct(u); }))),
         same_run});
    result.cases.push_back(
        {"e8", "adam with eps = 0, theta = D phi: steps of theta times |D|", quantity, 0.0,
         exact(path_deviation(
             reparametrized_path(network.objective, network.start, d, *adam_optimizer({.eps = 0.0}), network.training),
             mapped_path(network, *adam_optimizer({.eps = 0.0}),
                         [&](const Vector& u) -> Vector { return d.cwiseAbs().cwiseProduct(u); }))),
         same_run});

    // theta = A phi.
    Matrix a(n, n);
    (void)fill_normal(RandomStream(options.seed, stream + 1), 0, a);
    a = Matrix::Identity(n, n) + 0.3 / std::sqrt(static_cast<double>(n)) * a;
    const Matrix seen =
        a * parameter_path(*reparametrize_linear(network.objective, a), Vector(linear_solve(a, network.start)),
                           *sgd_optimizer({.lr = 0.1}), network.training);
    result.cases.push_back(
        {"e8", "sgd, theta = A phi: steps of theta times A A'", quantity, 0.0,
         exact(path_deviation(seen, mapped_path(network, *sgd_optimizer({.lr = 0.1}),
                                                [&](const Vector& u) -> Vector { return a * (a.transpose() * u); }))),
         1e-11});

    // Newton on a convex loss, nothing damped.
    const auto logistic =
        std::make_shared<const Mlp>(logistic_regression(standardize_inputs(bundled_dataset("breast_cancer")), 0.1));
    const Index m = logistic->dimension();
    const Matrix b =
        Matrix::Identity(m, m) + 0.3 / std::sqrt(static_cast<double>(m)) *
                                     normal_vector(RandomStream(options.seed, stream + 2), m * m).reshaped(m, m);
    const auto newton = [&](NewtonMethod method) {
        return newton_optimizer({.lr = 0.5, .curvature = {.method = method, .relative_damping = 0.0}});
    };
    const TrainOptions full{.steps = 8};
    const Vector start = 0.1 * normal_vector(RandomStream(options.seed, stream + 3), m);
    const Matrix theta = parameter_path(*logistic, start, *newton(NewtonMethod::damped), full);
    const Matrix phi = parameter_path(*reparametrize_linear(logistic, b), Vector(linear_solve(b, start)),
                                      *newton(NewtonMethod::damped), full);
    result.cases.push_back(
        {"e8", "Newton on a convex loss, theta = A phi", quantity, 0.0, exact(path_deviation(b * phi, theta)), 1e-10});

    // Adam's first step is sign(g). Rotated, it is R sign(R'g), whose part along sign(g) has a known mean over R.
    const Vector g = network.objective->gradient(network.start);
    const auto size = static_cast<double>(n);
    const double mean_absolute =
        std::exp(std::lgamma(0.5 * size) - std::lgamma(0.5 * (size + 1.0))) / std::sqrt(std::numbers::pi);
    const double predicted = mean_absolute * g.lpNorm<1>() / g.norm();
    Vector cosines(options.draws(400, 100));
    for (Index r = 0; r < cosines.size(); ++r) {
        const Matrix rotation = random_rotation(n, options.seed, static_cast<std::uint64_t>(r));
        const auto rotated = reparametrize_linear(network.objective, rotation);
        const Vector at = rotation.transpose() * network.start;
        const Vector step = rotation * adam_optimizer({.lr = 1.0, .eps = 0.0})->update(at, rotated->gradient(at));
        cosines(r) = step.dot(g.cwiseSign()) / size;
    }
    const Estimate cosine = mean_estimate(cosines);
    result.cases.push_back({"e8", "adam's first step in a random orthonormal basis",
                            "cosine with its step in the usual one", predicted, cosine, 0.03});

    Vector sorted = cosines;
    std::sort(sorted.begin(), sorted.end());
    result.figure = {
        .title = "Adam's first step in a rotated basis",
        .x_label = "rotation, sorted",
        .y_label = "cosine with the step in the usual basis",
        .series = {{"rotations", to_list(Vector::LinSpaced(sorted.size(), 1.0, static_cast<double>(sorted.size()))),
                    to_list(sorted), Series::Style::points}},
        .guides = {{0.0, 1.0, predicted, "predicted mean"}}};
    result.caption = fmt::format("{} uniformly random orthonormal bases of the {} parameters of a 4-8-3 network.",
                                 cosines.size(), n);
    result.paragraph = fmt::format("A factor for each coordinate gives sgd the rates d^2 and Adam |d|, whatever their "
                                   "signs; a matrix A turns sgd's "
                                   "steps by A A' and leaves Newton's iterates where they are. Adam has no such law: "
                                   "in a random orthonormal basis its "
                                   "very first step has the cosine {:.3f} +- {:.3f} with the usual one, {:.3f} by the "
                                   "law of the uniform direction, "
                                   "and sgd's would be 1.",
                                   cosine.value, cosine.std_error, predicted);
    return result;
}

} // namespace

Experiment experiment() {
    return {
        .id = "E-e8",
        .title = "And if parameters are mixed, not only scaled?",
        .claims =
            {{"e8",
              "theta = D phi gives SGD the preconditioner D^2 and Adam the rates |d_i| lr; theta = A phi gives SGD A "
              "A', leaves Newton alone, and for Adam there is no law",
              "hessq"}},
        .run = run};
}

} // namespace hessq::e8
