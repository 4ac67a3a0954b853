#include "hessq/objectives/problems.hpp"
#include "hessq/results/comparison.hpp"
#include "hessq/theory/run_observer.hpp"

#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(results_example)

BOOST_AUTO_TEST_CASE(gradient_descent_gets_a_report) {
    const TemporaryFolder temporary;
    const std::filesystem::path folder = temporary / "out";
    const Problem iris = bundled_problem("iris-mlp");
    RunObserver observer(*iris.objective, {.batch = iris.objective->samples(), .sampling = Sampling::epochs});
    Vector w = iris.start(0);
    for (int t = 0; t < 50; ++t) {
        const Vector g = iris.objective->gradient(w);
        observer.observe(w, g);
        w -= 0.1 * g;
    }
    const std::string table = method_table(observer.checkpoint(w)).str();
    write_comparison(folder, observer.comparison(), {.name = "gradient descent on iris"});

    BOOST_TEST(table.find("\ngauss_newton_diagonal ") != std::string::npos);
    BOOST_TEST(observer.comparison().checkpoints.back().signal_share == 1.0);
    BOOST_TEST(std::filesystem::exists(folder / "report.html"));
}

BOOST_AUTO_TEST_SUITE_END()
