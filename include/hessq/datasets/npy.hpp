#pragma once

#include "hessq/datasets/dataset.hpp"

#include <filesystem>

#pragma GCC visibility push(default)
namespace hessq {

/// Reads a NumPy array of one (n: n x 1) or two dimensions: f4, f8, i1 to i8, u1 to u8, b1 in either byte order,
/// C or Fortran order, format versions 1 to 3. Integers beyond 2^53 are rounded; NaN and infinities are kept.
///
/// Throws     InputError("<path>: expected ...; got ...") for anything else. The announced shape is compared with the
///            file's size before memory is taken.
/// Source     NumPy enhancement proposal 1 and numpy.lib.format.
Matrix load_npy(const std::filesystem::path& path);

/// The same for one dimension, or two of which one is 1.
Vector load_npy_vector(const std::filesystem::path& path);

/// Writes a f8 array of shape (rows, cols), in Fortran order.
///
/// Throws     InputError if the file cannot be opened or the disk is full.
void save_npy(const std::filesystem::path& path, MatrixView matrix);

/// Writes a f8 array of shape (n,).
void save_npy_vector(const std::filesystem::path& path, VectorView vector);

/// Inputs are samples x features as NumPy's users have them, targets one number or class label a sample
/// (several numbers: samples x outputs).
///
/// Throws     InputError as load_npy does, and if the numbers of samples differ or a number is not finite.
Dataset load_npy_dataset(const std::filesystem::path& inputs, const std::filesystem::path& targets, TargetKind kind);

} // namespace hessq
#pragma GCC visibility pop
