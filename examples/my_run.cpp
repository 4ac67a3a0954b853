// Does my own optimizer precondition well? Your loop reports its gradients; the observer answers at any time.
#include <hessq/objectives/problems.hpp>
#include <hessq/results/comparison.hpp>
#include <hessq/theory/run_observer.hpp>

#include <cstdio>
#include <filesystem>

using namespace hessq;

int main() {
    const Problem problem = bundled_problem("iris-mlp");
    const FiniteSumObjective& loss = *problem.objective;
    Vector w = problem.start(0);
    Vector scale = Vector::Ones(w.size()); // your optimizer's memory: a slow average of |g|
    const BatchSampler batches(loss.samples(), 32, Sampling::iid, 0);
    RunObserver observer(loss, {.batch = 32});

    for (int t = 0; t < 300; ++t) {
        const Vector g = loss.gradient(w, batches(t));
        observer.observe(w, g);
        scale = 0.95 * scale + 0.05 * g.cwiseAbs();
        w -= 0.01 * g.cwiseQuotient(scale);
    }
    const auto mine = diagonal_preconditioner(scale, "mine");
    observer.compare_too(*mine);

    const NewtonCheckpoint& point = observer.checkpoint(w);
    std::printf("step %d, loss %.1f\n", static_cast<int>(point.step), point.loss);
    for (const MethodComparison& row : point.methods)
        if (row.name == "mine" || row.name == "adam" || row.name == "sgd")
            std::printf("%-5s cosine with the Newton step %.1f\n", row.name.c_str(), row.cos_newton);

    const std::filesystem::path folder = std::filesystem::temp_directory_path() / "hessq-my-run";
    write_comparison(folder, observer.comparison(), {.name = "my optimizer on iris"});
    std::printf("result.json and report.html written: %s\n",
                std::filesystem::exists(folder / "report.html") ? "yes" : "no");
    std::filesystem::remove_all(folder);
}
