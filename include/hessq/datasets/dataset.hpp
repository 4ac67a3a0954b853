#pragma once

#include "hessq/core/types.hpp"

#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

/// What a loader makes of the targets.
enum class TargetKind {
    number,  ///< real numbers
    category ///< classes, from text or numbers; sorted by value if all are numbers, else by their bytes
};

/// Samples with targets, in memory.
struct Dataset {
    std::string name;   ///< "digits", or the file's name
    std::string origin; ///< where it comes from: a citation, a path, a formula with its seed
    Matrix inputs;      ///< features x samples: one sample is a contiguous column
    Matrix targets;     ///< outputs x samples; class indices 0, 1, ... in one row when class_names is not empty
    std::vector<std::string> feature_names; ///< empty: they have none
    std::vector<std::string> class_names;   ///< empty: the targets are real numbers

    Index samples() const { return inputs.cols(); }
    Index features() const { return inputs.rows(); }
    Index classes() const { return static_cast<Index>(class_names.size()); }
};

/// Checks what every consumer relies upon: at least one sample and feature, matching sizes, finite numbers,
/// class indices that are whole and in range, at least two classes that occur when there are class names.
///
/// Throws     InputError("<name>: expected ...; got ...").
void validate(const Dataset& data);

/// Shifts and scales every feature to mean 0 and variance 1 (divisor: samples). Constant features become 0.
Dataset standardize_inputs(Dataset data);

/// The same for real-valued targets.
///
/// Throws     std::invalid_argument if the targets are classes.
Dataset standardize_targets(Dataset data);

} // namespace hessq
#pragma GCC visibility pop
