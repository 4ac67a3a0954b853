#include "../measure.hpp"
#include "../networks.hpp"
#include "entries.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/operators/gradient_moments.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace hessq::b11 {
namespace {

constexpr std::uint64_t streams = 11'000'000;
constexpr double cloud_spread = 1e-3;

/// The median over directions of |ln w_k / predicted_k|: 0.1 is ten per cent. Predictions that are zero or negative
/// count as infinitely wrong.
double typical_error(VectorView w, VectorView predicted) {
    Vector errors(w.size());
    for (Index k = 0; k < w.size(); ++k) errors(k) = std::abs(std::log(w(k) / std::max(predicted(k), 1e-300)));
    std::sort(errors.begin(), errors.end());
    return errors(errors.size() / 2);
}

Vector forms(const Matrix& a, const Matrix& u) { return u.cwiseProduct(a * u).colwise().sum().transpose(); }

Matrix gauss_newton_matrix(const NetworkAt& at) {
    return at.loss->gauss_newton(at.parameters) * Matrix::Identity(at.parameters.size(), at.parameters.size());
}

/// df/dw of a network with one output, by central differences: samples x n. Shares no code with the gradients.
Matrix jacobian(const Mlp& network, VectorView w) {
    // The cube root of the rounding of f.
    constexpr double step = 1e-5;
    const Batch all = Batch::all(network.samples());
    Matrix result(network.samples(), w.size());
    for (Index i = 0; i < w.size(); ++i) {
        Vector moved = w;
        moved(i) += step;
        const Matrix above = network.predict(moved, all);
        moved(i) = w(i) - step;
        result.col(i) = (above - network.predict(moved, all)).transpose() / (2.0 * step);
    }
    return result;
}

/// h_n = J_n (J'J)^+ J_n', the share of its own residual that a sample fits away.
Vector leverages(const Matrix& j) {
    const SymmetricEigen normal = symmetric_eigen(j.transpose() * j);
    Vector result = Vector::Zero(j.rows());
    for (Index k = 0; k < normal.values.size(); ++k)
        if (normal.values(k) > 1e-10 * normal.values.maxCoeff())
            result += (j * normal.vectors.col(k)).cwiseAbs2() / normal.values(k);
    return result;
}

/// One network with squared loss at one point; N parameters.
struct Measured {
    double full_batch = 0.0; ///< |g|^2 / (sigma^2 tr GN)
    /// u_k'E[g_n g_n']u_k / (sigma^2 u_k'GN u_k), geometric mean over k, sigma^2 = sum r_n^2 / (samples - N).
    double per_sample = 0.0;
    double leverage = 0.0;           ///< the same with sigma^2 (1 - h_n) for each sample in the place of sigma^2
    double noise_law = 0.0;          ///< typical error of u_k'Sigma u_k against 2 L u_k'GN u_k
    double noise_identity = 0.0;     ///< largest |Sigma - (J'diag(r^2)J / n - gg')| / largest |Sigma|
    double cloud_hessian = 0.0;      ///< typical error of the cloud's covariance against s^2 H^2
    double cloud_gauss_newton = 0.0; ///< the same against s^2 GN^2
    Vector cloud = {};               ///< sqrt of the covariance over s
    Vector gauss_newton = {};        ///< |GN u_k|
};

Measured measured(const NetworkAt& at, double noise_variance, Index draws, const RandomStream& stream) {
    const auto& network = dynamic_cast<const Mlp&>(*at.loss);
    const Batch all = Batch::all(network.samples());
    const auto n = static_cast<double>(network.samples());
    const Matrix j = jacobian(network, at.parameters);
    const Vector r = (network.predict(at.parameters, all) - network.data().targets).transpose();
    const Matrix gn = gauss_newton_matrix(at);
    const Matrix sigma = noise_covariance(network, at.parameters);
    Measured result;
    result.full_batch = at.gradient.squaredNorm() / (noise_variance * gn.trace());
    const Matrix along = (j * at.directions).cwiseAbs2();
    const Vector second = forms(sigma, at.directions) + (at.directions.transpose() * at.gradient).cwiseAbs2();
    const Vector kept = along.transpose() * (Vector::Ones(along.rows()) - leverages(j)) / n;
    // Flat directions can belong to few samples: an arithmetic mean would be theirs. And a student that missed its
    // teacher has residuals of another variance than the labels' noise.
    const double sigma2 = r.squaredNorm() / (n - static_cast<double>(at.parameters.size()));
    result.per_sample = std::exp(second.cwiseQuotient(sigma2 * forms(gn, at.directions)).array().log().mean());
    result.leverage = std::exp(second.cwiseQuotient(sigma2 * kept).array().log().mean());
    result.noise_law = typical_error(forms(sigma, at.directions), r.squaredNorm() / n * forms(gn, at.directions));
    const Matrix expected = j.transpose() * r.cwiseAbs2().asDiagonal() * j / n - at.gradient * at.gradient.transpose();
    result.noise_identity = (sigma - expected).cwiseAbs().maxCoeff() / sigma.cwiseAbs().maxCoeff();

    const CloudMoments cloud = gradient_cloud(at, cloud_spread, draws, 1, stream);
    const Vector covariance = cloud.covariance() / (cloud_spread * cloud_spread);
    const Vector squared = (gn * at.directions).colwise().squaredNorm().transpose();
    result.cloud_hessian = typical_error(covariance, at.lambda.cwiseAbs2());
    result.cloud_gauss_newton = typical_error(covariance, squared);
    result.cloud = covariance.cwiseSqrt();
    result.gauss_newton = squared.cwiseSqrt();
    return result;
}

template <class F>
Estimate over(const std::vector<Measured>& all, const F& number) {
    Vector values(static_cast<Index>(all.size()));
    for (std::size_t i = 0; i < all.size(); ++i) values(static_cast<Index>(i)) = number(all[i]);
    return mean_estimate(values);
}

std::vector<Measured> measured(const std::vector<NetworkAt>& networks, double noise_variance, std::uint64_t seed,
                               std::uint64_t stream) {
    std::vector<Measured> result(networks.size());
    parallel_for(static_cast<Index>(networks.size()), [&](Index i) {
        const auto at = static_cast<std::size_t>(i);
        result[at] = measured(networks[at], noise_variance, 500, {seed, stream + at});
    });
    return result;
}

/// u_k'W u_k over all ordered pairs of samples, with or without pairs of a sample with itself, relative to the
/// prediction: the largest deviation.
double pair_deviation(const NetworkAt& at, Sampling sampling) {
    const Index samples = at.loss->samples();
    const Matrix g = at.directions.transpose() * at.loss->per_sample_gradients(at.parameters, Batch::all(samples));
    Vector sum = Vector::Zero(g.rows());
    for (Index a = 0; a < samples; ++a)
        for (Index b = 0; b < samples; ++b)
            if (a != b || sampling == Sampling::iid) sum += (0.5 * (g.col(a) + g.col(b))).cwiseAbs2();
    const auto m = static_cast<double>(samples);
    sum /= sampling == Sampling::iid ? m * m : m * (m - 1.0);
    const Vector predicted =
        (at.directions.transpose() * at.gradient).cwiseAbs2() +
        batch_noise_factor(2, samples, sampling) * noise_quadratic_forms(*at.loss, at.parameters, at.directions);
    return (sum.cwiseQuotient(predicted) - Vector::Ones(sum.size())).cwiseAbs().maxCoeff();
}

/// Along eigenvectors, W_mini over gg' + Sigma / B, from batches drawn with replacement: directions x blocks.
Matrix sampled_batches(const NetworkAt& at, Index batch, Index batches, const RandomStream& stream) {
    constexpr Index blocks = 20;
    const Index samples = at.loss->samples(), each = batches / blocks;
    const Matrix g = at.directions.transpose() * at.loss->per_sample_gradients(at.parameters, Batch::all(samples));
    const Vector predicted = (at.directions.transpose() * at.gradient).cwiseAbs2() +
                             noise_quadratic_forms(*at.loss, at.parameters, at.directions) / static_cast<double>(batch);
    Matrix result(g.rows(), blocks);
    parallel_for(blocks, [&](Index b) {
        Vector sum = Vector::Zero(g.rows());
        for (Index m = 0; m < each; ++m) {
            Vector mean = Vector::Zero(g.rows());
            for (Index i = 0; i < batch; ++i)
                mean += g.col(stream.integer(static_cast<std::uint64_t>((b * each + m) * batch + i), samples));
            sum += (mean / static_cast<double>(batch)).cwiseAbs2();
        }
        result.col(b) = (sum / static_cast<double>(each)).cwiseQuotient(predicted);
    });
    return result;
}

/// Where least squares ends, in one step.
NetworkAt solved(const std::shared_ptr<const Mlp>& loss) {
    const NetworkAt start = network_at(loss, Vector::Zero(loss->dimension()));
    return network_at(loss,
                      -start.directions * (start.directions.transpose() * start.gradient).cwiseQuotient(start.lambda));
}

/// tr E[g_n g_n'] / (sigma^2 tr H) for the diabetes data at the solution, from its own labels.
Estimate diabetes_share(const NetworkAt& at, const Dataset& data) {
    const Batch all = Batch::all(data.samples());
    const Matrix r = dynamic_cast<const Mlp&>(*at.loss).predict(at.parameters, all) - data.targets;
    Matrix samples(3, data.samples());
    samples.row(1) = r.cwiseAbs2();
    samples.row(2) = data.inputs.colwise().squaredNorm().array() + 1.0; // and the bias
    samples.row(0) = samples.row(1).cwiseProduct(samples.row(2));
    const double n = static_cast<double>(data.samples()), p = static_cast<double>(at.parameters.size());
    return jackknife(samples, [&](VectorView x) { return x(0) / (x(1) * n / (n - p) * x(2)); });
}

/// Least squares on the diabetes data: b6 in its own setting, with the labels redrawn from the fitted model. Returns
/// what the true labels give.
Estimate add_diabetes_cases(const ExperimentOptions& options, std::vector<Case>& cases) {
    const Dataset data = bundled_problem("diabetes-linear").data.value();
    const auto loss = std::make_shared<const Mlp>(linear_regression(data));
    const NetworkAt at = solved(loss);
    const Matrix fitted = loss->predict(at.parameters, Batch::all(data.samples()));
    const double n = static_cast<double>(data.samples()), p = static_cast<double>(at.parameters.size());
    const double sigma2 = 2.0 * loss->value(at.parameters) * n / (n - p);

    const Index draws = options.draws(1000, 400);
    Vector share(draws), full(draws);
    parallel_for(draws, [&](Index d) {
        const RandomStream stream(options.seed, streams + 80'000 + static_cast<std::uint64_t>(d));
        Dataset redrawn = data;
        redrawn.targets = fitted + std::sqrt(sigma2) * normal_vector(stream, data.samples()).transpose();
        const NetworkAt end = solved(std::make_shared<const Mlp>(linear_regression(std::move(redrawn))));
        const double expected = sigma2 * end.hessian.trace();
        full(d) = end.gradient.squaredNorm() / expected;
        share(d) = noise_quadratic_forms(*end.loss, end.parameters, end.directions).sum() / expected;
    });
    // x'(X'X)^-1 x, weighted by |x|^2.
    const Matrix x =
        (Matrix(data.samples(), at.parameters.size()) << data.inputs.transpose(), Vector::Ones(data.samples()))
            .finished();
    const Vector length = x.rowwise().squaredNorm();
    const double kept = length.dot(Vector::Ones(length.size()) - leverages(x)) / length.sum();
    const double tolerance = p / n + 1.0 / std::sqrt(n);
    const std::string where = "least squares on diabetes with labels from the fitted model, at the solution, ";
    const std::string quantity = "tr E[g_n g_n'] / (sigma^2 tr H)";
    cases.push_back(
        {"b6", where + "full-batch gradient", "|g|^2 / (sigma^2 tr H)", 1.0, mean_estimate(full), tolerance});
    cases.push_back({"b6", where + "per-sample gradients", quantity, 1.0, mean_estimate(share), tolerance});
    cases.push_back({"b11", where + "leverages counted", quantity, kept, mean_estimate(share), 0.02});
    return diabetes_share(at, data);
}

/// A network on bundled data, at a point where training stopped.
struct Stopped {
    std::string name = {};
    Estimate cloud_hessian = {}, cloud_gauss_newton = {}; ///< typical errors, as in Measured
    Estimate pairs = {}, distinct_pairs = {};             ///< pair_deviation with and without replacement
};

Stopped stopped(const std::string& problem, const ExperimentOptions& options, std::uint64_t stream) {
    const Index count = options.draws(20, 8);
    Matrix errors(2, count);
    Stopped result;
    result.name = problem;
    parallel_for(count, [&](Index i) {
        const auto which = static_cast<std::uint64_t>(i);
        const NetworkAt at = trained_bundled(problem, 300, 10'000 * options.seed + which);
        const CloudMoments cloud = gradient_cloud(at, cloud_spread, 500, 1, {options.seed, stream + which});
        const Vector covariance = cloud.covariance() / (cloud_spread * cloud_spread);
        const Matrix gn = gauss_newton_matrix(at);
        errors(0, i) = typical_error(covariance, at.lambda.cwiseAbs2());
        errors(1, i) = typical_error(covariance, (gn * at.directions).colwise().squaredNorm().transpose());
        if (i > 0) return;
        result.pairs = exact(pair_deviation(at, Sampling::iid));
        result.distinct_pairs = exact(pair_deviation(at, Sampling::epochs));
    });
    result.cloud_hessian = mean_estimate(errors.row(0).transpose());
    result.cloud_gauss_newton = mean_estimate(errors.row(1).transpose());
    return result;
}

ExperimentResult run(const ExperimentOptions& options) {
    constexpr double noise = 0.3, little_noise = 0.01;
    // What fitting N of n samples and counting only n of them neglects.
    constexpr double fitted_share = 65.0 / 400.0, sampling = 0.05;
    const Index count = options.draws(60, 20);
    const Students students = train_students(count, noise, options.seed, streams);
    const Students close = train_students(options.draws(40, 10), little_noise, options.seed, streams + 10'000);
    const auto trained = measured(students.trained, noise * noise, options.seed, streams + 20'000);
    const auto untrained = measured(students.untrained, noise * noise, options.seed, streams + 30'000);
    const auto fitted = measured(close.trained, little_noise * little_noise, options.seed, streams + 40'000);
    const std::vector<Stopped> bundled = {stopped("iris-mlp", options, streams + 50'000),
                                          stopped("breast-cancer-mlp", options, streams + 60'000)};

    ExperimentResult result;
    std::vector<Case>& cases = result.cases;
    const std::string at_minimum = "trained 6-8-1 networks, label noise 0.3, ", start = "untrained 6-8-1 networks, ";
    const std::string small = "trained 6-8-1 networks, label noise 0.01, ", cloud = "cloud s = 0.001";
    const std::string gauss_newton = "Cov against s^2 GN^2, median |ln ratio|";
    const std::string hessian = "Cov against s^2 H^2, median |ln ratio|";
    const Estimate full = over(trained, [](const Measured& m) { return m.full_batch; });
    const Estimate share = over(trained, [](const Measured& m) { return m.per_sample; });
    const Estimate corrected = over(trained, [](const Measured& m) { return m.leverage; });
    const auto noise_law = [](const Measured& m) { return m.noise_law; };
    const auto cloud_hessian = [](const Measured& m) { return m.cloud_hessian; };
    const auto cloud_gauss_newton = [](const Measured& m) { return m.cloud_gauss_newton; };
    // Chance alone gives 0.04 with the 500 draws of a cloud.
    constexpr double cloud_tolerance = 0.1;
    cases.push_back(
        {"b6", at_minimum + "full-batch gradient", "|g|^2 / (sigma^2 tr GN)", 1.0, full, fitted_share + sampling});
    const Estimate diabetes = add_diabetes_cases(options, cases);
    const Case kept_on_diabetes = cases.back();
    // There are no more than 442 patients: no effort decides this one.
    cases.push_back({"b6", "least squares on diabetes with its own labels, at the solution, per-sample gradients",
                     kept_on_diabetes.quantity, 1.0, diabetes, cases[cases.size() - 2].tolerance});
    cases.push_back({"b6", at_minimum + "per-sample gradients",
                     "E[g_n g_n'] / (sigma^2 GN), geometric mean over directions", 1.0, share,
                     fitted_share + sampling});
    cases.push_back({"b6", at_minimum + "per-sample gradients", "Sigma against 2 L GN, median |ln ratio|", 0.0,
                     over(trained, noise_law), fitted_share + sampling});
    cases.push_back({"b6", start + "per-sample gradients", "Sigma against 2 L GN, median |ln ratio|", 0.0,
                     over(untrained, noise_law), fitted_share + sampling});
    cases.push_back({"b6", small + cloud, gauss_newton, 0.0, over(fitted, cloud_gauss_newton), cloud_tolerance});
    cases.push_back({"b6", start + cloud, gauss_newton, 0.0, over(untrained, cloud_gauss_newton), cloud_tolerance});
    for (const Stopped& b : bundled)
        cases.push_back(
            {"b6", b.name + ", trained, " + cloud, gauss_newton, 0.0, b.cloud_gauss_newton, cloud_tolerance});
    cases.push_back({"b11", at_minimum + "per-sample gradients",
                     "E[g_n g_n'] / (sigma^2 E[(1 - leverage) JJ']), geometric mean", 1.0, corrected,
                     fitted_share + sampling});
    for (const auto& [where, nets] : {std::pair{at_minimum, &trained}, std::pair{start, &untrained}})
        cases.push_back({"b11", where + "J by differences", "largest |Sigma - (J'diag(r^2)J / n - gg')|, relative", 0.0,
                         over(*nets, [](const Measured& m) { return m.noise_identity; }), 1e-6});
    for (const auto& [where, nets] :
         {std::pair{at_minimum, &trained}, std::pair{start, &untrained}, std::pair{small, &fitted}})
        cases.push_back({"b11", where + cloud, hessian, 0.0, over(*nets, cloud_hessian), cloud_tolerance});
    for (const Stopped& b : bundled) {
        const std::string where = b.name + ", trained, ";
        const std::string pairs = "W_mini against gg' + Sigma / B, largest relative error";
        // A third of a million roundings.
        constexpr double rounding = 1e-10;
        cases.push_back({"b11", where + cloud, hessian, 0.0, b.cloud_hessian, cloud_tolerance});
        cases.push_back({"b11", where + "all batches of 2 with replacement", pairs, 0.0, b.pairs, rounding});
        cases.push_back({"b11", where + "all batches of 2 without", pairs, 0.0, b.distinct_pairs, rounding});
    }

    const NetworkAt& shown = students.untrained.front();
    const Matrix batches = sampled_batches(shown, 8, options.draws(200'000, 40'000), {options.seed, streams + 70'000});
    cases.push_back({"b11", "one untrained 6-8-1 network, batches of 8, sampled", "W_mini / (gg' + Sigma / B), mean",
                     1.0, mean_ratio(batches, Vector::Ones(batches.rows())), 0.03});
    const Measured& of = untrained.front();
    const Vector lambda = shown.lambda.cwiseAbs();
    result.figure = {
        .title = "A cloud follows the Hessian, not the Gauss-Newton matrix",
        .x_label = "|eigenvalue of H|",
        .y_label = "root of the second moment along its eigenvector",
        .log_x = true,
        .log_y = true,
        .series = {{"gradients over a cloud, divided by s", to_list(lambda), to_list(of.cloud), Series::Style::points},
                   {"Gauss and Newton: |GN u|", to_list(lambda), to_list(of.gauss_newton), Series::Style::points}},
        .guides = {{.slope = 1.0, .x = lambda.maxCoeff(), .y = lambda.maxCoeff(), .label = "Hessian: |H u|"}}};
    result.caption = "One 6-8-1 network before training, where residuals are large: the covariance of full-batch "
                     "gradients over a cloud of s = 0.001, centered at their mean.";
    result.paragraph = fmt::format(
        "The essay takes g g' for sigma^2 H. At a minimum the full-batch gradient is zero ({:.0e} of what it should "
        "be over {} networks), and a single g g' has rank one in any case. What follows the Gauss-Newton matrix is "
        "the mean of single samples' outer products: {:.2f} +- {:.2f} of sigma^2 GN on average over its directions, "
        "and the missing part is what each sample fits of its own noise - with the leverages taken into account it "
        "is {:.2f} +- {:.2f}. With the loss in the place of sigma^2 it holds within {:.0f} % in a typical direction, "
        "and within {:.0f} % even before training. On the diabetes data it is {:.2f} +- {:.2f}; with labels drawn from "
        "the fitted model the leverages would make it {:.2f}. A batch adds nothing new, W = gg' + Sigma / B, checked "
        "over all pairs of samples. The cloud, however, knows the full Hessian with its residual part: before training "
        "its covariance is off s^2 H^2 by {:.0f} % and off s^2 GN^2 by a factor {:.1f} in a typical direction; at the "
        "minimum with noise 0.3 by {:.0f} and {:.0f} %; with noise 0.01, where residuals are small and the two "
        "matrices "
        "nearly one, by {:.0f} and {:.0f} %. Chance alone makes 4 %. So outer products from sampling and from a cloud "
        "are two things, not two estimates of one.",
        full.value, count, share.value, share.std_error, corrected.value, corrected.std_error,
        100.0 * over(trained, noise_law).value, 100.0 * over(untrained, noise_law).value, diabetes.value,
        diabetes.std_error, kept_on_diabetes.predicted, 100.0 * over(untrained, cloud_hessian).value,
        std::exp(over(untrained, cloud_gauss_newton).value), 100.0 * over(trained, cloud_hessian).value,
        100.0 * over(trained, cloud_gauss_newton).value, 100.0 * over(fitted, cloud_hessian).value,
        100.0 * over(fitted, cloud_gauss_newton).value);
    return result;
}

} // namespace

Experiment experiment() {
    return {
        .id = "E-b11",
        .title = "Does the outer product of gradients follow the Gauss-Newton matrix?",
        .claims = {{"b6",
                    "With residuals of variance sigma^2 the outer product g g' is sigma^2 E[JJ'], that is sigma^2 H",
                    hessian_squared_essay},
                   {"b11",
                    "Only single samples' gradients do: W = gg' + Sigma / B, Sigma = sigma^2 GN where the model is "
                    "right; a cloud adds s^2 H^2, not s^2 GN^2",
                    hessian_squared_page}},
        .revisited = {},
        .run = run};
}

} // namespace hessq::b11
