#include "hessq/objectives/problems.hpp"

#include "hessq/core/random.hpp"
#include "hessq/core/text.hpp"
#include "hessq/datasets/bundled.hpp"
#include "hessq/datasets/synthetic.hpp"
#include "hessq/objectives/mlp.hpp"
#include "hessq/objectives/quadratic.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <utility>

namespace hessq {
namespace {

constexpr std::uint64_t data_seed = 1;               // of every synthetic problem
constexpr std::uint64_t start_stream = 0x7374617274; // "start"
constexpr Index bench_dimension = 60;                // theory's test bench: log-uniform on [1e-3, 10]
constexpr double bench_low = 1e-3, bench_high = 10.0;

std::string loss_of(const Mlp& network) {
    if (network.options().loss == Loss::squared) return "squared";
    return network.outputs() == 1 ? "logistic cross-entropy" : "softmax cross-entropy";
}

std::string conventions_of(const Mlp& network) {
    const double l2 = network.options().l2;
    return fmt::format(
        "mean over samples of {}; {}; parameters layer by layer, weight (out x in, row-major), then bias",
        network.options().loss == Loss::squared ? "1/2 |f - y|^2, summed over outputs" : "-ln p(label), in nats",
        l2 > 0.0 ? fmt::format("penalty l2/2 |w|^2 with l2 = {}, weights and biases alike", l2) : "no penalty");
}

Problem model(Mlp network) { return mlp_problem("", "", std::move(network)); }

// The loss is quadratic in w, so one Newton step from anywhere ends at the minimum. Not by LAPACK: a problem is made
// before anybody asks for memory, and OpenBLAS waits forever for the 128 MiB of its buffer where they are not to be
// had.
Problem least_squares(Dataset data) {
    Problem problem = model(linear_regression(std::move(data)));
    const Vector origin = Vector::Zero(problem.objective->dimension());
    problem.minimum = problem.objective->dense_hessian(origin).ldlt().solve(-problem.objective->gradient(origin));
    return problem;
}

// Noise covariance C = H: the law of a well-specified regression, on a quadratic.
Problem quadratic(double theta) {
    Problem problem;
    const Matrix h = rotated(log_uniform_spectrum(bench_dimension, bench_low, bench_high), theta, data_seed);
    const auto objective = std::make_shared<const Quadratic>(
        h, QuadraticOptions{.noise_covariance = h, .samples = 1024, .seed = data_seed});
    problem.loss = "quadratic";
    problem.conventions = "mean over samples of 1/2 w'Hw + xi_s'w; the covariance of xi is H";
    problem.start = [](std::uint64_t seed) { return normal_vector(RandomStream(seed, start_stream), bench_dimension); };
    problem.minimum = objective->minimum();
    problem.objective = objective;
    return problem;
}

Problem digits_autoencoder() {
    Dataset data = bundled_dataset("digits");
    data.targets = data.inputs;
    data.class_names.clear();
    return model(Mlp(std::move(data), {.hidden = {16}, .activation = Activation::tanh, .loss = Loss::squared}));
}

Problem deep_linear() {
    Dataset data = linear_teacher(256, 8, 4, 3, {.seed = data_seed});
    Problem problem = model(Mlp(standardize_targets(standardize_inputs(std::move(data))),
                                {.hidden = {5}, .activation = Activation::identity, .loss = Loss::squared}));
    // Close to the strict saddle at 0.
    problem.start = [start = problem.start](std::uint64_t seed) -> Vector { return 0.1 * start(seed); };
    return problem;
}

struct BundledProblem {
    ProblemInfo info;
    Problem (*build)();
};

const std::vector<BundledProblem>& entries() {
    static const std::vector<BundledProblem> all = {
        {{"digits-mlp", 1797, 2410, "a 64-32-10 tanh network on images of digits: every Hessian eigenvalue in seconds"},
         [] { return model(Mlp(bundled_dataset("digits"), {.hidden = {32}})); }},
        {{"digits-softmax", 1797, 650, "convex, at least 65 flat directions; Gauss-Newton is the Hessian"},
         [] { return model(softmax_regression(bundled_dataset("digits"))); }},
        {{"digits-autoencoder", 1797, 2128, "64-16-64 tanh, squared loss: images from 16 numbers"}, digits_autoencoder},
        {{"iris-mlp", 150, 67, "a 4-8-3 tanh network on standardized flowers: everything in milliseconds"},
         [] { return model(Mlp(standardize_inputs(bundled_dataset("iris")), {.hidden = {8}})); }},
        {{"breast-cancer-logistic", 569, 31, "convex and almost separable: curvature dies as the loss falls"},
         [] { return model(logistic_regression(standardize_inputs(bundled_dataset("breast_cancer")))); }},
        {{"breast-cancer-mlp", 569, 513, "a 30-16-1 tanh network that can fit every label"},
         [] { return model(Mlp(standardize_inputs(bundled_dataset("breast_cancer")), {.hidden = {16}}, true)); }},
        {{"diabetes-linear", 442, 11, "least squares on real data: a quadratic with real noise"},
         [] { return least_squares(standardize_targets(standardize_inputs(bundled_dataset("diabetes")))); }},
        {{"P1", 1024, 60, "diagonal quadratic, log-uniform spectrum on [1e-3, 10], gradient noise of covariance H"},
         [] { return quadratic(0.0); }},
        {{"P1r", 1024, 60, "P1 rotated by theta = 0.3: the same spectrum, off the axes"},
         [] { return quadratic(0.3); }},
        {{"P2", 4096, 61, "Gaussian linear regression with P1's spectrum, label noise 1/2: every moment known"},
         [] {
             return least_squares(gaussian_regression(4096,
                                                      log_uniform_spectrum(bench_dimension, bench_low, bench_high),
                                                      {.noise = std::sqrt(0.5), .seed = data_seed})
                                      .data);
         }},
        {{"P3a", 2000, 105, "softmax regression, labels drawn from the model: E gg' is the Hessian at the truth"},
         [] { return model(softmax_regression(softmax_data(2000, 20, 5, {.seed = data_seed}).data)); }},
        {{"P3b", 2000, 105, "softmax regression on labels that no linear model has: E gg' is not the Hessian"},
         [] {
             return model(
                 softmax_regression(softmax_data(2000, 20, 5, {.misspecification = 1.0, .seed = data_seed}).data));
         }},
        {{"P3c", 5000, 1050, "softmax regression with 50 Zipf-distributed classes: curvature follows frequency"},
         [] {
             return model(softmax_regression(gaussian_mixture(5000, 20, zipf_frequencies(50), {.seed = data_seed})));
         }},
        {{"P5", 256, 69, "deep linear network 8-5-4 started beside its strict saddle: negative curvature"},
         deep_linear},
    };
    return all;
}

} // namespace

Problem mlp_problem(std::string name, std::string summary, Mlp network) {
    const auto shared = std::make_shared<const Mlp>(std::move(network));
    return {.name = std::move(name),
            .summary = std::move(summary),
            .loss = loss_of(*shared),
            .conventions = conventions_of(*shared),
            .objective = shared,
            .start = [shared](std::uint64_t seed) { return shared->initial_parameters(seed); },
            .minimum = std::nullopt,
            .data = shared->data()};
}

std::vector<ProblemInfo> bundled_problems() {
    std::vector<ProblemInfo> infos;
    for (const BundledProblem& entry : entries()) infos.push_back(entry.info);
    return infos;
}

Problem bundled_problem(std::string_view name) {
    std::vector<std::string> names;
    for (const BundledProblem& entry : entries()) {
        if (entry.info.name == name) {
            Problem problem = entry.build();
            problem.name = entry.info.name;
            problem.summary = entry.info.summary;
            return problem;
        }
        names.push_back(entry.info.name);
    }
    const std::string nearest = nearest_name(name, names);
    throw std::invalid_argument(fmt::format("bundled_problem: the name must be one of {}; got \"{}\"{}",
                                            fmt::join(names, ", "), name,
                                            nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest)));
}

} // namespace hessq
