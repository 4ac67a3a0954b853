#include "hessq/optimizers/transforms.hpp"

#include "hessq/core/require.hpp"
#include "hessq/core/text.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace hessq {
namespace {

void check_threshold(double threshold, std::string_view function) {
    require(threshold > 0.0, function, "the threshold must be greater than 0", threshold);
}

std::string names_of(const ParameterLayout& layout) {
    std::string names;
    for (const ParameterGroup& group : layout.groups) names += (names.empty() ? "" : ", ") + group.name;
    return names.empty() ? "none" : names;
}

/// Where the norm is within the threshold, or not a number, nothing changes.
template <class Part>
void shrink(Part&& part, double norm, double threshold) {
    if (norm > threshold) part *= threshold / norm;
}

/// A transform of each matching group in place.
template <class Change>
GradientTransform on_groups(const ParameterLayout& layout, std::string_view pattern, std::string function,
                            Change change) {
    std::vector<ParameterGroup> chosen;
    for (const Index k : matching_groups(layout, pattern)) chosen.push_back(layout.groups[static_cast<std::size_t>(k)]);
    return [chosen = std::move(chosen), n = layout.dimension(), function = std::move(function), change](VectorView g) {
        require_size(g.size(), n, function, "the gradient");
        Vector result = g;
        for (const ParameterGroup& group : chosen) change(result.segment(group.offset, group.size()));
        return result;
    };
}

class Wrapped : public Optimizer {
public:
    Wrapped(std::unique_ptr<Optimizer> optimizer, std::string_view function) : optimizer_(std::move(optimizer)) {
        require(optimizer_ != nullptr, function, "an optimizer must be given", "none");
    }
    std::string name() const final { return optimizer_->name(); }
    void observe_curvature(const LocalCurvature& curvature) final { optimizer_->observe_curvature(curvature); }
    const Preconditioner& preconditioner() const final { return optimizer_->preconditioner(); }
    Vector memory() const final { return optimizer_->memory(); }

protected:
    Optimizer& optimizer() { return *optimizer_; }

private:
    std::unique_ptr<Optimizer> optimizer_;
};

class Transformed final : public Wrapped {
public:
    Transformed(std::unique_ptr<Optimizer> optimizer, GradientTransform transform)
        : Wrapped(std::move(optimizer), "transformed"), transform_(std::move(transform)) {
        require(transform_ != nullptr, "transformed", "a transform must be given", "none");
    }
    Vector update(VectorView w, VectorView g) override {
        require_size(g.size(), w.size(), name() + " step", "the gradient");
        const Vector changed = transform_(g);
        require_size(changed.size(), g.size(), name() + " step", "the transformed gradient");
        return optimizer().update(w, changed);
    }

private:
    GradientTransform transform_;
};

class GroupRates final : public Wrapped {
public:
    GroupRates(std::unique_ptr<Optimizer> optimizer, Vector factors)
        : Wrapped(std::move(optimizer), "group_learning_rates"), factors_(std::move(factors)) {
        for (const double factor : factors_)
            require(factor >= 0.0 && std::isfinite(factor), "group_learning_rates",
                    "a factor must be finite and at least 0", factor);
    }
    Vector update(VectorView w, VectorView g) override {
        require_size(w.size(), factors_.size(), name() + " step", "w");
        const Vector u = optimizer().update(w, g);
        return (factors_.array() == 0.0).select(0.0, factors_.cwiseProduct(u));
    }

private:
    Vector factors_;
};

class LimitedDecrease final : public Wrapped {
public:
    LimitedDecrease(std::unique_ptr<Optimizer> optimizer, double most)
        : Wrapped(std::move(optimizer), "limited_decrease"), most_(most) {
        require(most > 0.0, "limited_decrease", "most must be greater than 0", most);
    }
    Vector update(VectorView w, VectorView g) override {
        Vector u = optimizer().update(w, g);
        shrink(u, g.dot(u), most_);
        return u;
    }

private:
    double most_;
};

class WarmedUp final : public Wrapped {
public:
    WarmedUp(std::unique_ptr<Optimizer> optimizer, Index steps)
        : Wrapped(std::move(optimizer), "warmed_up"), steps_(steps) {
        require(steps >= 1, "warmed_up", "steps must be at least 1", steps);
    }
    Vector update(VectorView w, VectorView g) override {
        Vector u = optimizer().update(w, g);
        if (done_ < steps_) u *= static_cast<double>(++done_) / static_cast<double>(steps_);
        return u;
    }

private:
    Index steps_;
    Index done_ = 0;
};

} // namespace

GradientTransform chain(std::vector<GradientTransform> transforms) {
    for (const GradientTransform& transform : transforms)
        require(transform != nullptr, "chain", "every transform must be given", "an empty one");
    return [transforms = std::move(transforms)](VectorView g) {
        Vector result = g;
        for (const GradientTransform& transform : transforms) result = transform(result);
        return result;
    };
}

GradientTransform clip_by_norm(double threshold) {
    check_threshold(threshold, "clip_by_norm");
    return [threshold](VectorView g) {
        Vector result = g;
        shrink(result, g.stableNorm(), threshold);
        return result;
    };
}

GradientTransform clip_by_l1_norm(double threshold) {
    check_threshold(threshold, "clip_by_l1_norm");
    return [threshold](VectorView g) {
        Vector result = g;
        shrink(result, g.lpNorm<1>(), threshold);
        return result;
    };
}

GradientTransform clip_by_value(double threshold) {
    check_threshold(threshold, "clip_by_value");
    return [threshold](VectorView g) -> Vector {
        return g.unaryExpr([threshold](double x) { return std::clamp(x, -threshold, threshold); });
    };
}

GradientTransform clip_groups_by_norm(const ParameterLayout& layout, std::string_view pattern, double threshold) {
    check_threshold(threshold, "clip_groups_by_norm");
    return on_groups(layout, pattern, "clip_groups_by_norm",
                     [threshold](auto part) { shrink(part, part.stableNorm(), threshold); });
}

GradientTransform scale_groups(const ParameterLayout& layout, std::string_view pattern, double factor) {
    require(std::isfinite(factor), "scale_groups", "the factor must be finite", factor);
    return on_groups(layout, pattern, "scale_groups", [factor](auto part) { part *= factor; });
}

GradientTransform zero_groups(const ParameterLayout& layout, std::string_view pattern) {
    return on_groups(layout, pattern, "zero_groups", [](auto part) { part.setZero(); });
}

std::unique_ptr<Optimizer> transformed(std::unique_ptr<Optimizer> optimizer, GradientTransform transform) {
    return std::make_unique<Transformed>(std::move(optimizer), std::move(transform));
}

std::vector<Index> matching_groups(const ParameterLayout& layout, std::string_view pattern) {
    std::vector<Index> matching;
    for (std::size_t k = 0; k < layout.groups.size(); ++k)
        if (matches_pattern(layout.groups[k].name, pattern)) matching.push_back(static_cast<Index>(k));
    require(!matching.empty(), "matching_groups", "the pattern must fit one of the groups " + names_of(layout),
            pattern.empty() ? "''" : pattern);
    return matching;
}

Vector group_factors(const ParameterLayout& layout, const std::vector<GroupFactor>& factors) {
    Vector result = Vector::Ones(layout.dimension());
    for (const GroupFactor& entry : factors)
        for (const Index k : matching_groups(layout, entry.pattern)) {
            const ParameterGroup& group = layout.groups[static_cast<std::size_t>(k)];
            result.segment(group.offset, group.size()).setConstant(entry.factor);
        }
    return result;
}

std::unique_ptr<Optimizer> group_learning_rates(std::unique_ptr<Optimizer> optimizer, const ParameterLayout& layout,
                                                const std::vector<GroupFactor>& factors) {
    return std::make_unique<GroupRates>(std::move(optimizer), group_factors(layout, factors));
}

std::unique_ptr<Optimizer> limited_decrease(std::unique_ptr<Optimizer> optimizer, double most) {
    return std::make_unique<LimitedDecrease>(std::move(optimizer), most);
}

std::unique_ptr<Optimizer> warmed_up(std::unique_ptr<Optimizer> optimizer, Index steps) {
    return std::make_unique<WarmedUp>(std::move(optimizer), steps);
}

} // namespace hessq
