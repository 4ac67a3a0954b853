// Is the noise of my gradients shaped like my Hessian? A per-sample loss of your own, robust regression.
#include <hessq/core/random.hpp>
#include <hessq/objectives/autodiff.hpp>
#include <hessq/operators/gradient_moments.hpp>
#include <hessq/optimizers/newton.hpp>

#include <cstdio>

using namespace hessq;

int main() {
    const Index samples = 400, features = 5;
    const Matrix x = normal_vector(RandomStream(1, 0), features * samples).reshaped(features, samples);
    const Vector truth = Vector::LinSpaced(features, -1.0, 1.0);
    const Vector y = x.transpose() * truth + 0.5 * normal_vector(RandomStream(1, 1), samples);

    const AutodiffFiniteSum loss(features, samples, [x, y](const auto& w, Index s) {
        const auto error = w.dot(x.col(s)) - y(s);
        return sqrt(1.0 + error * error) - 1.0; // like |error| far away, like error^2 / 2 near zero
    });
    const Vector w = minimize_newton(loss, Vector::Zero(features)).parameters;
    std::printf("|w - truth| = %.2f\n", (w - truth).norm());

    const Matrix h = loss.dense_hessian(w);
    const Matrix noise = noise_covariance(loss, w);
    const double cosine = h.cwiseProduct(noise).sum() / (h.norm() * noise.norm());
    std::printf("cosine between H and the noise covariance: %.3f\n", cosine);
    std::printf("tr H = %.2f, tr of the noise = %.2f: a Fisher matrix of this loss would have them equal\n", h.trace(),
                noise.trace());
}
