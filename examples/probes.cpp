// How many probes do I need? Ask for the accuracy instead of the number, and look at what it cost.
#include <hessq/estimators/trace.hpp>
#include <hessq/objectives/problems.hpp>

#include <cstdio>
#include <string>

using namespace hessq;

int main() {
    const Problem digits = bundled_problem("digits-mlp");
    const Vector w = digits.start(0);
    const SymmetricOperator h = digits.objective->hessian(w);
    const double exact = digits.objective->hessian_diagonal(w).sum();
    std::printf("tr H of %d parameters is %.2f\n", static_cast<int>(w.size()), exact);
    for (const TraceMethod method : {TraceMethod::hutchinson, TraceMethod::hutchpp})
        for (const double error : {0.2, 0.05}) {
            const TraceEstimate found = estimate_trace(
                h, {.method = method, .products = 2000, .target = Target{.relative_error = error}, .seed = 1});
            std::printf("%-10s to %2.0f %%: %4d products, interval [%.1f, %.1f] %s\n",
                        std::string(name(method)).c_str(), 100.0 * error, static_cast<int>(found.products),
                        found.interval.lower, found.interval.upper,
                        found.interval.lower <= exact && exact <= found.interval.upper ? "contains it" : "misses it");
        }
}
