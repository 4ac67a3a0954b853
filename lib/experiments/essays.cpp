#include "hessq/experiments/essays.hpp"

namespace hessq {
const std::vector<Experiment>& all_experiments() {
    static const std::vector<Experiment> all = [] {
        std::vector<Experiment> together;
        for (const auto& essay : {hessian_squared_experiments(), batch_size_experiments(), epsilon_experiments(),
                                  clipping_experiments(), reparametrization_experiments()})
            together.insert(together.end(), essay.begin(), essay.end());
        return together;
    }();
    return all;
}

const std::vector<Essay>& all_essays() {
    static const std::vector<Essay> all = [] {
        std::vector<Essay> together;
        const auto add = [&](const char* letter, const char* title, const char* source,
                             const std::vector<Experiment>& experiments) {
            if (experiments.empty()) return;
            Essay essay{.letter = letter, .title = title, .source = source};
            for (const Experiment& experiment : experiments) essay.experiments.push_back(experiment.id);
            together.push_back(std::move(essay));
        };
        add("b", "Is Adam's second moment the Hessian squared?", "Su Jianlin, kexue.fm/archives/10588 (2024-11-29)",
            hessian_squared_experiments());
        add("d", "How should the learning rate change with the batch size?",
            "Su Jianlin, kexue.fm/archives/10542 (2024-11-14)", batch_size_experiments());
        add("c", "How does Adam's epsilon change that law?", "Su Jianlin, kexue.fm/archives/10563 (2024-11-18)",
            epsilon_experiments());
        add("a", "Why are gradients clipped at norm 1?", "Su Jianlin, kexue.fm/archives/10657 (2025-01-02)",
            clipping_experiments());
        add("e", "Are layer-wise learning rates a reparametrization?",
            "Su Jianlin, kexue.fm/archives/6418 (2019-03-10)", reparametrization_experiments());
        return together;
    }();
    return all;
}

} // namespace hessq
