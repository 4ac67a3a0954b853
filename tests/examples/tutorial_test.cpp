#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/random.hpp"
#include "hessq/objectives/autodiff.hpp"
#include "hessq/objectives/check.hpp"
#include "hessq/optimizers/optimizer.hpp"
#include "hessq/results/comparison.hpp"
#include "hessq/theory/run_observer.hpp"

#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(tutorial_example)

BOOST_AUTO_TEST_CASE(from_nothing_to_a_finding, *boost::unit_test::label("slow")) {
    const TemporaryFolder temporary;
    const std::filesystem::path folder = temporary / "my-run";

    const Index samples = 200;
    const Matrix x = normal_vector(RandomStream(1, 0), 2 * samples).reshaped(2, samples);
    const AutodiffFiniteSum loss(17, samples, [x](const auto& w, Index s) {
        auto logit = w(16);
        for (Index h = 0; h < 4; ++h)
            logit += w(12 + h) * tanh(w(3 * h) * x(0, s) + w(3 * h + 1) * x(1, s) + w(3 * h + 2));
        const double label = x(0, s) * x(1, s) > 0.0 ? 1.0 : -1.0;
        return log(1.0 + exp(-label * logit));
    });

    const Vector start = 0.5 * normal_vector(RandomStream(1, 1), 17);
    const DerivativeReport report = check_derivatives(loss, start);

    BOOST_TEST(report.passed(), report.summary());
    BOOST_TEST(report.summary().find("These derivatives are right, as far as differences can tell.\n") == 0u);

    const SymmetricEigen eigen = symmetric_eigen(loss.dense_hessian(start));
    const Index negative = (eigen.values.array() < 0.0).count();

    BOOST_TEST(negative == 9);

    RunObserver observer(loss, {.batch = 10});
    const BatchSampler batches(samples, 10, Sampling::iid, 0);
    const auto adam = adam_optimizer({.lr = 0.02}); // or an optimizer of your own
    Vector w = start;
    for (Index t = 0; t < 400; ++t) {
        const Vector g = loss.gradient(w, batches(t));
        observer.observe(w, g);
        adam->step(w, g);
    }
    const NewtonCheckpoint& end = observer.checkpoint(w);
    const EigenExponent q = *end.minibatch.exponent;

    const std::string finding = finding_of(observer.comparison());
    write_comparison(folder, observer.comparison(), {.name = "four tanh units"});

    BOOST_TEST(finding.find("with q = 0.72 +- 0.09 over 17 directions: compatible with the Fisher "
                            "law (q = 1), which the 95 % interval from 0.53 to 0.91 misses by at most 0.15; the claim "
                            "that v measures the Hessian squared needs q = 2.") != std::string::npos);
    BOOST_TEST(finding.find("a cosine of 0.661 with the damped Newton step (plain gradient: 0.756)") !=
               std::string::npos);
    BOOST_TEST(q.directions == 17);
    BOOST_TEST(std::filesystem::exists(folder / "report.html"));
}

BOOST_AUTO_TEST_SUITE_END()
