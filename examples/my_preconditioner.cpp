// How does my preconditioner compare with Newton? A class of your own beside Adam, by the code of `hessq compare`.
#include <hessq/objectives/problems.hpp>
#include <hessq/preconditioners/adaptive.hpp>
#include <hessq/theory/newton_comparison.hpp>

#include <cmath>
#include <cstdio>
#include <string>

using namespace hessq;

/// The cube root of Adam's average instead of its square root.
class CubeRoot final : public DiagonalPreconditioner {
public:
    explicit CubeRoot(Index n) : average_(Vector::Zero(n)) {}
    std::string name() const override { return "cube root"; }
    void observe(VectorView g) override {
        average_ = 0.99 * average_ + 0.01 * g.cwiseAbs2();
        ++steps_;
    }
    Vector entries() const override {
        return (average_ / (1.0 - std::pow(0.99, steps_))).array().pow(1.0 / 3.0) + 1e-8;
    }

private:
    Vector average_;
    int steps_ = 0;
};

int main() {
    const Problem problem = bundled_problem("breast-cancer-logistic");
    const FiniteSumObjective& loss = *problem.objective;
    Vector w = problem.start(0);
    CubeRoot mine(w.size());
    const auto adam = adam_preconditioner(w.size(), {.beta2 = 0.99});
    const auto plain = sgd_preconditioner(w.size());
    for (int t = 0; t < 50; ++t) {
        const Vector g = loss.gradient(w);
        mine.observe(g);
        adam->observe(g);
        w -= 0.2 * mine.direction(g);
    }
    const PreconditionerComparison found = compare_preconditioners(loss, w, {mine, *adam, *plain});
    std::printf("%-20s %12s %20s %10s\n", "method", "cos Newton", "of Newton's decrease", "condition");
    for (const MethodComparison& row : found.methods)
        std::printf("%-20s %12.2f %18.0f %% %10.2g\n", row.name.c_str(), row.cos_newton, 100.0 * row.newton_fraction,
                    row.curvature.condition_number);
}
