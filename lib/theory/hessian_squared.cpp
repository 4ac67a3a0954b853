#include "hessq/theory/hessian_squared.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/factorizations.hpp"
#include "hessq/core/require.hpp"
#include "step_problem.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace hessq {
namespace {

constexpr double relative_spacing = std::numeric_limits<double>::epsilon();

void require_batch(double batch, const char* function) {
    require(batch >= 1.0, function, "batch must be at least 1", batch);
}

void require_correlation(double rho, const char* function) {
    require(rho >= -1.0 && rho <= 1.0, function, "rho must be in [-1, 1]", rho);
}

void require_steps(double steps, const char* function) {
    require(steps >= 1.0, function, "steps must be at least 1", steps);
}

void require_spectrum(VectorView lambda, const char* function) {
    require(lambda.size() >= 1, function, "lambda must not be empty; size", lambda.size());
    require_finite(lambda, std::string(function) + ": lambda");
    require_not_negative(lambda.minCoeff(), function, "the least lambda");
    require_not_negative(lambda.maxCoeff(), function, "the largest lambda");
}

void require_positive_spectrum(VectorView lambda, const char* function) {
    require_spectrum(lambda, function);
    require_positive(lambda.minCoeff(), function, "the least lambda");
}

void require_cloud(const RegressionCloud& cloud, const char* function) {
    require_not_negative(cloud.cloud_variance, function, "cloud_variance");
    require_not_negative(cloud.noise_variance, function, "noise_variance");
    require_batch(cloud.batch, function);
}

std::string shape(Index rows, Index cols) { return std::to_string(rows) + " x " + std::to_string(cols); }

/// (A + A') / 2, checked.
Matrix checked_symmetric(MatrixView a, Index n, const char* function, const std::string& name) {
    require(n >= 1, function, name + " must not be empty; rows", n);
    require_symmetric(a, n, function, name);
    return 0.5 * (a + a.transpose());
}

/// delta = L x with D = L L' turns theta <- theta - D ghat into x <- x - M x - L' noise with a symmetric M = L'H L.
struct SteppedProblem {
    Matrix root;          ///< L
    SymmetricEigen eigen; ///< of M

    SteppedProblem(const Matrix& h, const Matrix& lower) : root(lower) {
        const Matrix m = root.transpose() * h * root;
        eigen = symmetric_eigen(0.5 * (m + m.transpose()));
    }

    bool stable() const { return eigen.values.minCoeff() > 0.0 && eigen.values.maxCoeff() < 2.0; }

    /// In M's eigenbasis S_kl (m_k + m_l - m_k m_l) = noise_kl.
    StationaryMoments moments(const Matrix& h, const Matrix& noise) const {
        const Matrix to_delta = root * eigen.vectors;
        Matrix s = to_delta.transpose() * noise * to_delta;
        for (Index l = 0; l < s.cols(); ++l)
            for (Index k = 0; k < s.rows(); ++k)
                s(k, l) /= eigen.values(k) + eigen.values(l) - eigen.values(k) * eigen.values(l);
        const auto symmetric = [](const Matrix& a) -> Matrix { return 0.5 * (a + a.transpose()); };
        StationaryMoments result;
        result.cloud = symmetric(to_delta * s * to_delta.transpose());
        result.full_batch = symmetric(h * result.cloud * h);
        result.minibatch = result.full_batch + noise;
        return result;
    }
};

StationaryMoments stationary(const Matrix& h, const Matrix& noise, const Matrix& root, const char* function) {
    const SteppedProblem problem(h, root);
    require(problem.eigen.values(0) > 0.0, function, "H must be positive definite; least eigenvalue of D H",
            problem.eigen.values(0));
    require(problem.stable(), function, "the steps must be stable, the eigenvalues of D H below 2; the largest",
            problem.eigen.values.maxCoeff());
    return problem.moments(h, noise);
}

/// What Adam with a frozen v makes of itself.
struct AdamIterate {
    Vector root; ///< sqrt(v)
    SteppedProblem problem;
    StationaryMoments moments;
    Vector misfit; ///< ln W_ii / v_i; infinite where the steps are unstable

    AdamIterate(const Matrix& h, const Matrix& noise, double lr, const Vector& root_v)
        : root(root_v), problem(h, Matrix((lr * root_v.cwiseInverse()).cwiseSqrt().asDiagonal())),
          misfit(Vector::Constant(root_v.size(), infinity)) {
        if (!problem.stable()) return;
        moments = problem.moments(h, noise);
        misfit = moments.minibatch.diagonal().array().log() - 2.0 * root.array().log();
    }

    /// The change of ln v that makes the misfit zero to first order. Let E = D^-1 = diag(root) / lr. Stationarity,
    /// H S E + E S H - H S H = noise, differentiated is the same equation for dS with the noise -(H S dE + dE S H).
    Vector newton_step(const Matrix& h, double lr) const {
        const Index n = root.size();
        const Matrix hs = h * moments.cloud;
        Matrix jacobian = -Matrix::Identity(n, n);
        for (Index j = 0; j < n; ++j) {
            Matrix forcing = Matrix::Zero(n, n);
            forcing.col(j) -= 0.5 * root(j) / lr * hs.col(j);
            forcing.row(j) -= 0.5 * root(j) / lr * hs.col(j).transpose();
            const Matrix change = problem.moments(h, forcing).full_batch;
            jacobian.col(j) += change.diagonal().cwiseQuotient(moments.minibatch.diagonal());
        }
        return -linear_solve(jacobian, misfit);
    }
};

/// (a^T - b^T) / (a - b) for a, b >= 0: the sum of a^i b^(T-1-i).
double power_sum(double a, double b, double steps) {
    const double larger = std::max(a, b), smaller = std::min(a, b);
    if (larger == 0.0) return steps == 1.0 ? 1.0 : 0.0;
    if (larger == smaller) return steps * std::pow(larger, steps - 1.0);
    const double log_ratio = std::log1p((smaller - larger) / larger);
    return std::pow(larger, steps - 1.0) * std::expm1(steps * log_ratio) / std::expm1(log_ratio);
}

double efficiency(VectorView d, VectorView lambda, VectorView w) {
    const auto l = lambda.array(), v = w.array();
    const double gain = (l.square() * d.array()).sum();
    return gain * gain / ((l * d.array().square() * v).sum() * (l.cube() / v).sum());
}

/// 2 noise / (2 - lr lambda): the variance of the mini-batch gradient of stationary SGD.
double sgd_gradient_variance(double lambda, double lr, double noise, const char* function) {
    require(lr * lambda > 0.0 && lr * lambda < 2.0, function, "lr lambda must be between 0 and 2", lr * lambda);
    require_not_negative(noise, function, "noise");
    return 2.0 * noise / (2.0 - lr * lambda);
}

} // namespace

Vector regression_second_moment(VectorView lambda, const RegressionCloud& cloud) {
    require_spectrum(lambda, "regression_second_moment");
    require_cloud(cloud, "regression_second_moment");
    const double residual = cloud.noise_variance + cloud.cloud_variance * lambda.sum();
    return cloud.cloud_variance * (1.0 + 1.0 / cloud.batch) * lambda.cwiseAbs2() + residual / cloud.batch * lambda;
}

double cross_over_eigenvalue(VectorView lambda, const RegressionCloud& cloud) {
    require_spectrum(lambda, "cross_over_eigenvalue");
    require_cloud(cloud, "cross_over_eigenvalue");
    if (cloud.cloud_variance == 0.0) return infinity;
    return (cloud.noise_variance / cloud.cloud_variance + lambda.sum()) / (cloud.batch + 1.0);
}

double local_exponent(double lambda, double cross_over) {
    require_positive(lambda, "local_exponent", "lambda");
    require(cross_over >= 0.0, "local_exponent", "cross_over must be at least 0", cross_over);
    return 0.5 + 0.5 / (1.0 + cross_over / lambda);
}

Matrix regression_batch_second_moment(MatrixView h, VectorView delta, double noise_variance, double batch) {
    const char* function = "regression_batch_second_moment";
    const Matrix hessian = checked_symmetric(h, delta.size(), function, "H");
    require_not_negative(noise_variance, function, "noise_variance");
    require_batch(batch, function);
    const Vector g = hessian * delta;
    return (1.0 + 1.0 / batch) * g * g.transpose() + (noise_variance + delta.dot(g)) / batch * hessian;
}

StationaryMoments stationary_sgd(MatrixView h, MatrixView noise, double lr) {
    const char* function = "stationary_sgd";
    require_positive(lr, function, "lr");
    const Index n = h.rows();
    const Matrix hessian = checked_symmetric(h, n, function, "H");
    return stationary(hessian, checked_symmetric(noise, n, function, "the noise"),
                      std::sqrt(lr) * Matrix::Identity(n, n), function);
}

StationaryMoments stationary_preconditioned(MatrixView h, MatrixView noise, MatrixView step_matrix) {
    const char* function = "stationary_preconditioned";
    const Index n = h.rows();
    const Matrix hessian = checked_symmetric(h, n, function, "H");
    const std::optional<Matrix> root = cholesky(checked_symmetric(step_matrix, n, function, "D"));
    require(root.has_value(), function, "D must be positive definite", "a matrix that is not");
    return stationary(hessian, checked_symmetric(noise, n, function, "the noise"), *root, function);
}

StationaryAdam stationary_adam(MatrixView h, MatrixView noise, double lr, const StationaryAdamOptions& options) {
    const char* function = "stationary_adam";
    require_positive(lr, function, "lr");
    require(options.tolerance > 0.0, function, "tolerance must be above 0", options.tolerance);
    require(options.max_iterations >= 1, function, "max_iterations must be at least 1", options.max_iterations);
    const Index n = h.rows();
    const Matrix hessian = checked_symmetric(h, n, function, "H"),
                 c = checked_symmetric(noise, n, function, "the noise");
    require_positive(c.diagonal().minCoeff(), function, "the least noise_ii");
    const double least = symmetric_eigenvalues(hessian)(0);
    require(least > 0.0, function, "H must be positive definite; least eigenvalue", least);
    const double least_noise = symmetric_eigenvalues(c)(0);
    require(least_noise >= -static_cast<double>(n) * relative_spacing * c.cwiseAbs().maxCoeff(), function,
            "the noise must be positive semidefinite; least eigenvalue", least_noise);

    // By Gershgorin H < 2 diag(bound) / lr, so that these steps are stable. Newton's method is lost where the noise is
    // small against them; there it follows the solution down from a larger noise.
    const Vector bound = 0.5 * lr * hessian.cwiseAbs().rowwise().sum();
    const double ratio = bound.cwiseAbs2().cwiseQuotient(c.diagonal()).maxCoeff();
    double scale = std::pow(4.0, std::max(0.0, std::ceil(0.5 * std::log2(ratio))));
    AdamIterate here(hessian, scale * c, lr, (scale * c.diagonal()).cwiseSqrt() + bound);
    StationaryAdam result;
    const auto residual = [&] { return here.misfit.cwiseAbs().maxCoeff(); };
    bool moving = true;
    while (moving && result.iterations < options.max_iterations) {
        if (residual() <= (scale > 1.0 ? 0.01 : options.tolerance)) {
            if (scale == 1.0) break;
            scale *= 0.25;
            here = AdamIterate(hessian, scale * c, lr, here.root);
        }
        const Vector step = here.newton_step(hessian, lr);
        moving = false;
        // Overlong steps become unstable, or raise the misfit.
        for (double length = 1.0; !moving && length > 1e-12; length *= 0.5) {
            AdamIterate next(hessian, scale * c, lr,
                             here.root.cwiseProduct((0.5 * length * step).array().exp().matrix()));
            moving = next.misfit.norm() < here.misfit.norm();
            if (moving) here = std::move(next);
        }
        ++result.iterations;
    }
    result.moments = here.moments;
    result.root_second_moment = here.moments.minibatch.diagonal().cwiseSqrt();
    result.residual = scale == 1.0 ? residual() : infinity;
    result.converged = result.residual <= options.tolerance;
    return result;
}

Vector adam_root_second_moment(MatrixView cloud, MatrixView h, double lr) {
    const char* function = "adam_root_second_moment";
    require_positive(lr, function, "lr");
    const Matrix hessian = checked_symmetric(h, h.rows(), function, "H");
    return 2.0 / lr * checked_symmetric(cloud, h.rows(), function, "the cloud").cwiseProduct(hessian).rowwise().sum();
}

namespace {

void require_decay(double beta1, const char* function) {
    require(beta1 >= 0.0 && beta1 < 1.0, function, "beta1 must be in [0, 1)", beta1);
}

/// r / sqrt(c) of stationary_adam_root for z = L / sqrt(c). Newton's method from above, where the cubic is convex.
double adam_root_in_noise_units(double z, double kappa) {
    double r = kappa * z + std::sqrt(3.0) + std::cbrt(3.0 * z);
    for (int i = 0; i < 200; ++i) {
        const double value = ((2.0 * r - kappa * z) * r - 2.0) * r - (1.0 - kappa) * z;
        const double step = value / ((6.0 * r - 2.0 * kappa * z) * r - 2.0);
        r -= step;
        if (!(step > 1e-15 * r)) break;
    }
    return r;
}

} // namespace

Vector stationary_adam_root(VectorView lambda, VectorView noise, double lr, double beta1) {
    const char* function = "stationary_adam_root";
    require_positive_spectrum(lambda, function);
    require_size(noise.size(), lambda.size(), function, "noise");
    require(noise.minCoeff() >= 0.0, function, "noise must be at least 0", noise.minCoeff());
    require_positive(lr, function, "lr");
    require_decay(beta1, function);
    const double kappa = ema_variance(beta1);
    return Vector::NullaryExpr(lambda.size(), [&](Index k) {
        const double deviation = std::sqrt(noise(k)), edge = lr * lambda(k);
        if (deviation == 0.0) return 0.5 * kappa * edge;
        return deviation * adam_root_in_noise_units(edge / deviation, kappa);
    });
}

double stationary_adam_crossover(double lambda, double lr, double beta1) {
    const char* function = "stationary_adam_crossover";
    require_positive(lambda, function, "lambda");
    require_positive(lr, function, "lr");
    require_decay(beta1, function);
    const double kappa = ema_variance(beta1);
    // sqrt(v) = sqrt(f lambda) r(z), z = lr sqrt(lambda / f): its exponent is 1/2 + 1/2 d ln r / d ln z, from 1/2 to 1.
    const auto slope = [&](double z) {
        const double r = adam_root_in_noise_units(z, kappa);
        return z * (kappa * r * r + 1.0 - kappa) / (r * ((6.0 * r - 2.0 * kappa * z) * r - 2.0));
    };
    double low = 1e-3, high = 1.0;
    while (slope(high) < 0.5) high *= 2.0;
    for (int i = 0; i < 100; ++i) {
        const double middle = std::sqrt(low * high);
        (slope(middle) < 0.5 ? low : high) = middle;
    }
    return lr * lr * lambda / (low * low);
}

IsotropicAdamNoise noise_for_isotropic_adam_cloud(MatrixView h, double cloud_variance, double lr) {
    const char* function = "noise_for_isotropic_adam_cloud";
    require_positive(cloud_variance, function, "cloud_variance");
    require_positive(lr, function, "lr");
    const Matrix hessian = checked_symmetric(h, h.rows(), function, "H");
    require_positive(hessian.diagonal().minCoeff(), function, "the least H_ii");
    const Matrix inverse_steps = (2.0 * cloud_variance / (lr * lr) * hessian.diagonal()).asDiagonal();
    const Matrix w = cloud_variance * (hessian * inverse_steps + inverse_steps * hessian);
    IsotropicAdamNoise result;
    result.noise = w - cloud_variance * hessian * hessian;
    result.least_eigenvalue = symmetric_eigenvalues(result.noise)(0);
    result.positive_semidefinite =
        result.least_eigenvalue >= -static_cast<double>(h.rows()) * relative_spacing * w.cwiseAbs().maxCoeff();
    return result;
}

RegressionStationaryState stationary_regression_sgd(VectorView lambda, double noise_variance, double batch, double lr) {
    const char* function = "stationary_regression_sgd";
    require_spectrum(lambda, function);
    require_not_negative(noise_variance, function, "noise_variance");
    require_batch(batch, function);
    require_positive(lr, function, "lr");
    const Vector gap = 2.0 - lr * (1.0 + 1.0 / batch) * lambda.array();
    RegressionStationaryState state;
    state.load = gap.minCoeff() > 0.0 ? lr / batch * lambda.cwiseQuotient(gap).sum() : infinity;
    state.stable = state.load < 1.0;
    if (!state.stable) {
        state.tau = infinity;
        state.cloud = state.minibatch = state.full_batch = Vector::Constant(lambda.size(), infinity);
        return state;
    }
    state.tau = noise_variance * state.load / (1.0 - state.load);
    state.cloud = lr / batch * (noise_variance + state.tau) * gap.cwiseInverse();
    state.minibatch = 2.0 / lr * lambda.cwiseProduct(state.cloud);
    state.full_batch = lambda.cwiseAbs2().cwiseProduct(state.cloud);
    return state;
}

Vector adam_cloud(VectorView lambda, VectorView noise, double lr) {
    require_positive_spectrum(lambda, "adam_cloud");
    require_size(noise.size(), lambda.size(), "adam_cloud", "noise");
    require_not_negative(noise.minCoeff(), "adam_cloud", "the least noise");
    require_positive(lr, "adam_cloud", "lr");
    return 0.5 * lr * noise.cwiseSqrt().cwiseQuotient(lambda);
}

StationaryExponents sgd_exponents(double gamma) {
    return {.cloud = gamma - 1.0, .signal = 0.5 * (gamma + 1.0), .noise = 0.5 * gamma};
}

StationaryExponents adam_exponents(double gamma) {
    return {.cloud = 0.5 * gamma - 1.0, .signal = 0.5 + 0.25 * gamma, .noise = 0.5 * gamma};
}

Vector transient_second_moment(VectorView lambda, double cloud_variance, double lr, double beta2, Index steps) {
    const char* function = "transient_second_moment";
    require_not_negative(cloud_variance, function, "cloud_variance");
    require_positive(lr, function, "lr");
    require_share(beta2, function, "beta2");
    require_steps(static_cast<double>(steps), function);
    return lambda.unaryExpr([&](double l) {
        const double rho = std::pow(1.0 - lr * l, 2);
        return (1.0 - beta2) * cloud_variance * l * l * power_sum(rho, beta2, static_cast<double>(steps));
    });
}

Vector adagrad_sum(VectorView lambda, double cloud_variance, double lr, double steps) {
    const char* function = "adagrad_sum";
    require_not_negative(cloud_variance, function, "cloud_variance");
    require_positive(lr, function, "lr");
    require_steps(steps, function);
    return lambda.unaryExpr([&](double l) {
        const double y = lr * l, decay = y * (2.0 - y); // 1 - rho
        if (l == 0.0 || cloud_variance == 0.0) return 0.0;
        if (decay == 0.0) return cloud_variance * l * l * steps;
        const double log_rho = 2.0 * (y < 1.0 ? std::log1p(-y) : std::log(y - 1.0));
        return cloud_variance * l * l * -std::expm1(steps * log_rho) / decay;
    });
}

Vector transient_cloud(VectorView lambda, double cloud_variance, double lr, Index steps) {
    require_not_negative(cloud_variance, "transient_cloud", "cloud_variance");
    require_positive(lr, "transient_cloud", "lr");
    require(steps >= 0, "transient_cloud", "steps must be at least 0", steps);
    return cloud_variance * (1.0 - lr * lambda.array()).square().pow(static_cast<double>(steps));
}

double ema_variance(double beta1) {
    require_share(beta1, "ema_variance", "beta1");
    return (1.0 - beta1) / (1.0 + beta1);
}

double ema_relative_variance(double rho, double beta2) {
    require_correlation(rho, "ema_relative_variance");
    require_share(beta2, "ema_relative_variance", "beta2");
    const double r = beta2 * rho * rho;
    return 2.0 * (1.0 - beta2) / (1.0 + beta2) * (1.0 + r) / (1.0 - r);
}

double ar1_momentum_moment(double rho, double white, double beta1) {
    require_correlation(rho, "ar1_momentum_moment");
    require_not_negative(white, "ar1_momentum_moment", "white");
    require_share(beta1, "ar1_momentum_moment", "beta1");
    return ema_variance(beta1) * ((1.0 + beta1 * rho) / (1.0 - beta1 * rho) + white);
}

double momentum_gradient_correlation(double rho, double beta1) {
    require_correlation(rho, "momentum_gradient_correlation");
    require_share(beta1, "momentum_gradient_correlation", "beta1");
    return std::sqrt((1.0 - beta1 * beta1) / (1.0 - beta1 * beta1 * rho * rho));
}

double sgd_momentum_moment(double lambda, double lr, double noise, double beta1) {
    const double c = sgd_gradient_variance(lambda, lr, noise, "sgd_momentum_moment");
    require_share(beta1, "sgd_momentum_moment", "beta1");
    return ema_variance(beta1) * c * (1.0 - beta1) / (1.0 - beta1 * (1.0 - lr * lambda));
}

double momentum_cloud(double lambda, double lr, double noise, double beta1) {
    const char* const function = "momentum_cloud";
    require_share(beta1, function, "beta1");
    require(lambda > 0.0, function, "lambda must be greater than 0", lambda);
    require_not_negative(noise, function, "noise");
    const double reach = 2.0 * (1.0 + beta1), step = (1.0 - beta1) * lr * lambda;
    require(step > 0.0 && step < reach, function, "lr lambda must lie in (0, 2 (1 + beta1) / (1 - beta1))",
            lr * lambda);
    return lr * noise * (1.0 + beta1) / (lambda * (reach - step));
}

double ar1_belief_moment(double rho, double white, double beta1) {
    require_correlation(rho, "ar1_belief_moment");
    require_not_negative(white, "ar1_belief_moment", "white");
    require_share(beta1, "ar1_belief_moment", "beta1");
    return 2.0 * beta1 * beta1 / (1.0 + beta1) * ((1.0 - rho) / (1.0 - beta1 * rho) + white);
}

double sgd_belief_moment(double lambda, double lr, double noise, double beta1) {
    const double c = sgd_gradient_variance(lambda, lr, noise, "sgd_belief_moment");
    require_share(beta1, "sgd_belief_moment", "beta1");
    const double memory = 1.0 - beta1 * (1.0 - lr * lambda);
    // E ghat m and E m^2, in units of c.
    const double covariance = (1.0 - beta1) * (1.0 - 0.5 * lr * lambda * beta1 / memory);
    return c * (1.0 - 2.0 * covariance + ema_variance(beta1) * (1.0 - beta1) / memory);
}

AnharmonicMoments anharmonic_moments(MatrixView h, const std::vector<Matrix>& third_derivative, double cloud_variance) {
    const char* function = "anharmonic_moments";
    const Index n = h.rows();
    const Matrix hessian = checked_symmetric(h, n, function, "H");
    require_size(static_cast<Index>(third_derivative.size()), n, function, "third_derivative");
    require_not_negative(cloud_variance, function, "cloud_variance");
    Matrix t(n * n, n);
    Vector traces(n);
    for (Index i = 0; i < n; ++i) {
        const Matrix ti = checked_symmetric(third_derivative[static_cast<std::size_t>(i)], n, function, "T[i]");
        t.col(i) = ti.reshaped();
        traces(i) = ti.trace();
    }
    AnharmonicMoments result;
    result.mean = 0.5 * cloud_variance * traces;
    result.covariance =
        cloud_variance * hessian * hessian + 0.5 * cloud_variance * cloud_variance * (t.transpose() * t);
    result.second_moment = result.covariance + result.mean * result.mean.transpose();
    return result;
}

double off_diagonal_share(MatrixView h) {
    require(h.rows() == h.cols(), "off_diagonal_share", "H must be square", shape(h.rows(), h.cols()));
    Matrix off = h;
    off.diagonal().setZero();
    const double size = h.norm();
    return size > 0.0 ? off.norm() / size : 0.0;
}

Vector best_diagonal_in_distance(MatrixView h) {
    const Matrix hessian = checked_symmetric(h, h.rows(), "best_diagonal_in_distance", "H");
    const Vector squares = hessian.rowwise().squaredNorm();
    require_positive(squares.minCoeff(), "best_diagonal_in_distance", "the least (H^2)_ii");
    return hessian.diagonal().cwiseQuotient(squares);
}

Vector best_diagonal_in_loss(MatrixView h) {
    const char* function = "best_diagonal_in_loss";
    const Matrix hessian = checked_symmetric(h, h.rows(), function, "H");
    const double least = symmetric_eigenvalues(hessian)(0);
    require(least > 0.0, function, "H must be positive definite; least eigenvalue", least);
    const Matrix square = hessian * hessian;
    const std::optional<Matrix> root = cholesky(hessian.cwiseProduct(square));
    if (!root) throw NumericalError("best_diagonal_in_loss: H o H^2 is singular to rounding");
    return cholesky_solve(*root, square.diagonal());
}

Vector best_diagonal_with_noise(VectorView lambda, const RegressionCloud& cloud) {
    require_positive_spectrum(lambda, "best_diagonal_with_noise");
    require_cloud(cloud, "best_diagonal_with_noise");
    require_positive(cloud.cloud_variance, "best_diagonal_with_noise", "cloud_variance");
    const double damping = cross_over_eigenvalue(lambda, cloud);
    return (lambda.array() + damping).inverse() / (1.0 + 1.0 / cloud.batch);
}

double one_step_efficiency(VectorView d, VectorView lambda, VectorView second_moment) {
    const char* function = "one_step_efficiency";
    require_spectrum(lambda, function);
    require_positive(lambda.maxCoeff(), function, "the largest lambda");
    require_size(d.size(), lambda.size(), function, "D");
    require_size(second_moment.size(), lambda.size(), function, "the second moment");
    require_positive(second_moment.minCoeff(), function, "the least second moment");
    require(d.cwiseProduct(lambda).squaredNorm() > 0.0, function, "D must not be zero where lambda is not; its norm",
            d.norm());
    return efficiency(d, lambda, second_moment);
}

std::optional<double> adam_overtakes_sgd_batch(VectorView lambda, double cloud_variance, double noise_variance) {
    const char* function = "adam_overtakes_sgd_batch";
    require_positive_spectrum(lambda, function);
    require_positive(cloud_variance, function, "cloud_variance");
    require_not_negative(noise_variance, function, "noise_variance");
    if (lambda.maxCoeff() - lambda.minCoeff() <= std::sqrt(relative_spacing) * lambda.maxCoeff()) return std::nullopt;
    const Vector ones = Vector::Ones(lambda.size());
    const auto adam_leads = [&](double batch) {
        const Vector w = regression_second_moment(
            lambda, {.cloud_variance = cloud_variance, .noise_variance = noise_variance, .batch = batch});
        return efficiency(w.cwiseSqrt().cwiseInverse(), lambda, w) >= efficiency(ones, lambda, w);
    };
    double below = 1.0, above = 1.0; // Adam's efficiency is 1 for an infinite batch
    while (!adam_leads(above)) {
        if (above > 1e100) return std::nullopt; // the efficiencies agree to rounding
        below = above;
        above *= 2.0;
    }
    while (above - below > 1e-12 * above) {
        const double middle = 0.5 * (below + above);
        (adam_leads(middle) ? above : below) = middle;
    }
    return above;
}

SoftmaxBlocks untrained_softmax_blocks(VectorView frequencies, MatrixView class_means, double batch) {
    const char* function = "untrained_softmax_blocks";
    const Index classes = frequencies.size();
    require(classes >= 2, function, "there must be at least 2 classes", classes);
    require(class_means.rows() >= 1, function, "there must be at least 1 feature", class_means.rows());
    require_size(class_means.cols(), classes, function, "class_means' columns");
    require_not_negative(frequencies.minCoeff(), function, "the least frequency");
    require(std::abs(frequencies.sum() - 1.0) <= static_cast<double>(classes) * relative_spacing, function,
            "frequencies must sum to 1", frequencies.sum());
    require_batch(batch, function);
    const auto features = static_cast<double>(class_means.rows());
    const Vector squares = (1.0 + class_means.colwise().squaredNorm().array() / features).transpose(); // a_k
    const Vector mean = class_means * frequencies;
    const Vector signal = (class_means.colwise() - mean).colwise().squaredNorm().transpose() / features;
    const auto pi = frequencies.array();
    const double all = frequencies.dot(squares);
    const Vector one_sample = pi * (1.0 - pi).square() * squares.array() + pi.square() * (all - pi * squares.array());
    return {.second_moment = (1.0 - 1.0 / batch) * pi.square() * signal.array() + one_sample.array() / batch,
            .curvature = all * pi * (1.0 - pi)};
}

double epsilon_damping(double eps, double cloud_sd) {
    require_not_negative(eps, "epsilon_damping", "eps");
    require_positive(cloud_sd, "epsilon_damping", "cloud_sd");
    return eps / cloud_sd;
}

double damped_exponent(double p, double root_second_moment, double eps) {
    require_positive(root_second_moment, "damped_exponent", "root_second_moment");
    require_not_negative(eps, "damped_exponent", "eps");
    return p / (1.0 + eps / root_second_moment);
}

double power_direction_cosine(double a, double kappa) {
    require(kappa > 1.0 && kappa < infinity, "power_direction_cosine", "kappa must be finite and above 1", kappa);
    const auto mean_power = [&](double power) {
        const double y = power * std::log(kappa);
        return y == 0.0 ? 1.0 : std::expm1(y) / y;
    };
    return mean_power(a) / std::sqrt(mean_power(2.0 * a));
}

Vector edge_root_second_moment(VectorView lambda, double lr, double beta1) {
    require_spectrum(lambda, "edge_root_second_moment");
    require_positive(lr, "edge_root_second_moment", "lr");
    return 0.5 * lr * ema_variance(beta1) * lambda;
}

Vector edge_root_second_moment(const MaxcutSolution& maxcut, double lr, double beta1) {
    require_positive(lr, "edge_root_second_moment", "lr");
    return lr * ema_variance(beta1) * maxcut.p;
}

double edge_amplitude(double lr, double beta1) {
    require_positive(lr, "edge_amplitude", "lr");
    return 0.5 * lr * ema_variance(beta1);
}

} // namespace hessq
