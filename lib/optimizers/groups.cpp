#include "hessq/optimizers/groups.hpp"

#include "hessq/core/require.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace hessq {
namespace {

struct Part {
    Index offset, size;
    std::unique_ptr<Optimizer> optimizer;
};

std::string joined_names(const std::vector<Part>& parts) {
    std::vector<std::string> names;
    for (const Part& part : parts)
        if (std::find(names.begin(), names.end(), part.optimizer->name()) == names.end())
            names.push_back(part.optimizer->name());
    std::string result;
    for (const std::string& name : names) result += (result.empty() ? "" : "+") + name;
    return result;
}

/// The parts' preconditioners along the diagonal.
class Blocks final : public Preconditioner {
public:
    explicit Blocks(const std::vector<Part>& parts) : parts_(parts) {}

    std::string name() const override { return joined_names(parts_); }
    SymmetricOperator matrix() const override {
        return together([](const Preconditioner& p) { return p.matrix(); }, "");
    }
    SymmetricOperator inverse() const override {
        return together([](const Preconditioner& p) { return p.inverse(); }, " inverse");
    }
    SymmetricOperator inverse_sqrt() const override {
        return together([](const Preconditioner& p) { return p.inverse_sqrt(); }, " inverse square root");
    }
    std::optional<Vector> diagonal() const override {
        Vector result(parts_.back().offset + parts_.back().size);
        for (const Part& part : parts_) {
            const std::optional<Vector> block = part.optimizer->preconditioner().diagonal();
            if (!block) return std::nullopt;
            result.segment(part.offset, part.size) = *block;
        }
        return result;
    }

private:
    template <class Of>
    SymmetricOperator together(Of of, const std::string& suffix) const {
        struct Block {
            Index offset;
            SymmetricOperator a;
        };
        std::vector<Block> blocks;
        for (const Part& part : parts_) blocks.push_back({part.offset, of(part.optimizer->preconditioner())});
        return SymmetricOperator(
            parts_.back().offset + parts_.back().size,
            [blocks = std::move(blocks)](MatrixView v) {
                Matrix result(v.rows(), v.cols());
                for (const Block& block : blocks) {
                    const Index size = block.a.dimension();
                    result.middleRows(block.offset, size) = block.a * Matrix(v.middleRows(block.offset, size));
                }
                return result;
            },
            name() + suffix);
    }

    const std::vector<Part>& parts_;
};

class Grouped final : public Optimizer {
public:
    explicit Grouped(std::vector<Part> parts) : parts_(std::move(parts)), blocks_(parts_) {}
    Grouped(const Grouped&) = delete;
    Grouped& operator=(const Grouped&) = delete;

    std::string name() const override { return joined_names(parts_); }

    void observe_curvature(const LocalCurvature& curvature) override {
        require_size(curvature.dimension(), dimension(), name() + " step", "the curvature");
        for (const Part& part : parts_) part.optimizer->observe_curvature(curvature.segment(part.offset, part.size));
    }

    Vector update(VectorView w, VectorView g) override {
        require_size(w.size(), dimension(), name() + " step", "w");
        require_size(g.size(), w.size(), name() + " step", "the gradient");
        Vector result(w.size());
        for (const Part& part : parts_)
            result.segment(part.offset, part.size) =
                part.optimizer->update(w.segment(part.offset, part.size), g.segment(part.offset, part.size));
        return result;
    }

    const Preconditioner& preconditioner() const override {
        for (const Part& part : parts_) (void)part.optimizer->preconditioner(); // refused before the first step
        return blocks_;
    }

    Vector memory() const override {
        Vector result;
        for (const Part& part : parts_) {
            const Vector m = part.optimizer->memory();
            if (m.size() == 0) return {};
            result.conservativeResize(part.offset + part.size);
            result.tail(part.size) = m;
        }
        return result;
    }

private:
    Index dimension() const { return parts_.back().offset + parts_.back().size; }

    std::vector<Part> parts_;
    Blocks blocks_;
};

} // namespace

std::unique_ptr<Optimizer> grouped_optimizer(const ParameterLayout& layout, const GroupOptimizer& make) {
    require(!layout.groups.empty(), "grouped_optimizer", "the layout must have at least one group", "none");
    require(make != nullptr, "grouped_optimizer", "a function that makes the optimizers must be given", "none");
    std::vector<Part> parts;
    for (const ParameterGroup& group : layout.groups) {
        ParameterLayout alone;
        alone.append(group.name, group.rows, group.cols);
        std::unique_ptr<Optimizer> optimizer = make(alone);
        require(optimizer != nullptr, "grouped_optimizer", "every group must get an optimizer",
                "none for " + group.name);
        parts.push_back({group.offset, group.size(), std::move(optimizer)});
    }
    return std::make_unique<Grouped>(std::move(parts));
}

} // namespace hessq
