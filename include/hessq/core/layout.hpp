#pragma once

#include "hessq/core/types.hpp"

#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

/// Parameters offset, offset + 1, ..., offset + size - 1.
struct ParameterRange {
    Index offset = 0;
    Index size = 0;
};

/// A named, contiguous piece of the parameter vector: "layer0.weight", 32 x 64, row-major as PyTorch stores it.
struct ParameterGroup {
    std::string name;
    Index offset = 0;
    Index rows = 0;
    Index cols = 1;

    Index size() const { return rows * cols; }
    ParameterRange range() const { return {offset, size()}; }
};

/// How a parameter vector divides into groups; together they cover 0, ..., dimension - 1 in order.
struct ParameterLayout {
    std::vector<ParameterGroup> groups;

    Index dimension() const { return groups.empty() ? 0 : groups.back().offset + groups.back().size(); }

    /// Appends a group behind the last one.
    void append(std::string name, Index rows, Index cols = 1) {
        groups.push_back({std::move(name), dimension(), rows, cols});
    }
};

} // namespace hessq
#pragma GCC visibility pop
