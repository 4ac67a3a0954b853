#include "updates.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/statistics.hpp"

#include <algorithm>
#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <cmath>
#include <numbers>

namespace hessq {

double written_update(EpsilonForm form, double x, double eps) {
    switch (form) {
    case EpsilonForm::softsign:
        return x / std::sqrt(x * x + eps * eps);
    case EpsilonForm::clip:
        return std::min(1.0, std::max(-1.0, x / eps));
    case EpsilonForm::ratio:
        break;
    }
    return x / (std::abs(x) + eps);
}

double normal_mean(const std::function<double(double)>& f, std::vector<double> cuts) {
    constexpr double reach = 12.0;
    for (double x = -reach; x <= reach; x += 3.0) cuts.push_back(x);
    std::erase_if(cuts, [](double x) { return std::abs(x) > reach; });
    std::sort(cuts.begin(), cuts.end());
    const auto weighted = [&](double z) {
        return f(z) * std::exp(-0.5 * z * z) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
    };
    double sum = 0.0;
    for (std::size_t k = 0; k + 1 < cuts.size(); ++k)
        if (cuts[k + 1] > cuts[k])
            sum +=
                boost::math::quadrature::gauss_kronrod<double, 31>::integrate(weighted, cuts[k], cuts[k + 1], 6, 1e-13);
    return sum;
}

UpdateMoments integrated_moments(EpsilonForm form, double a, double b) {
    std::vector<double> cuts = {-a};
    for (const double x : {b, 4.0 * b, 16.0 * b, 64.0 * b}) {
        cuts.push_back(-a - x);
        cuts.push_back(-a + x);
    }
    UpdateMoments m;
    m.mean = normal_mean([&](double z) { return written_update(form, a + z, b); }, cuts);
    m.second = normal_mean([&](double z) { return std::pow(written_update(form, a + z, b), 2); }, cuts);
    m.variance = m.second - m.mean * m.mean;
    return m;
}

Estimate drawn_rate(EpsilonForm form, const StepProblem& problem, double eps, double batch, Index draws,
                    std::uint64_t seed, std::uint64_t stream, double correlation) {
    constexpr Index blocks = 24, columns = 1024;
    const Index n = problem.gradient.size(), each = std::max<Index>(1, draws / blocks);
    const Vector noise = problem.noise_sd / std::sqrt(batch);
    Matrix replicates(2, blocks);
    parallel_for(blocks, [&](Index block) {
        const RandomStream random(seed, stream + static_cast<std::uint64_t>(block));
        std::uint64_t index = 0;
        double slope = 0.0, curvature = 0.0;
        for (Index done = 0; done < each; done += columns) {
            const Index count = std::min(columns, each - done);
            Matrix z(n, count), shared(1, count);
            index = fill_normal(random, index, z);
            if (correlation > 0.0) {
                index = fill_normal(random, index, shared);
                z = std::sqrt(1.0 - correlation) * z + std::sqrt(correlation) * shared.replicate(n, 1);
            }
            Matrix u = (noise.asDiagonal() * z).colwise() + problem.gradient;
            u = u.unaryExpr([&](double x) { return written_update(form, x, eps); }).eval();
            slope += (problem.gradient.transpose() * u).sum();
            curvature += u.cwiseProduct(problem.hessian * u).sum();
        }
        replicates.col(block) << slope / static_cast<double>(each), curvature / static_cast<double>(each);
    });
    return jackknife(replicates, [](VectorView m) { return m(0) / m(1); });
}

} // namespace hessq
