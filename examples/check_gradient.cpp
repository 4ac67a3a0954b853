// Is my hand-written gradient right? One call names the entry that is not.
#include <hessq/objectives/check.hpp>
#include <hessq/objectives/function.hpp>

#include <cstdio>

using namespace hessq;

int main() {
    const auto value = [](VectorView w) { return w(0) * w(0) * w(1) + 3.0 * w(1) * w(1); };
    const auto wrong = [](VectorView w) -> Vector {
        return Eigen::Vector2d(2.0 * w(0) * w(1), w(0) * w(0) + 3.0 * w(1));
    };
    const auto right = [](VectorView w) -> Vector {
        return Eigen::Vector2d(2.0 * w(0) * w(1), w(0) * w(0) + 6.0 * w(1));
    };
    const Vector w = Eigen::Vector2d(1.0, 2.0);

    for (const FunctionObjective::Gradient& gradient : {FunctionObjective::Gradient(wrong), {right}}) {
        const DerivativeReport report = check_derivatives(FunctionObjective(2, value, gradient), w);
        std::printf("%s", report.passed() ? "all checks pass\n" : "");
        for (const DerivativeCheck& check : report.checks)
            if (!check.passed)
                std::printf("%s is wrong at %s: it is %.4g and should be %.4g\n", check.name.c_str(),
                            check.where.c_str(), check.found, check.expected);
    }
}
