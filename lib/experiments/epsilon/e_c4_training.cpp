#include "entries.hpp"

namespace hessq {

Experiment experiment_c4() {
    return {.id = "E-c4", .title = "x", .claims = {}, .revisited = {}, .run = [](const ExperimentOptions&) {
                return ExperimentResult{};
            }};
}

} // namespace hessq
