#pragma once

#include "hessq/core/types.hpp"

#include <bit>
#include <string_view>
#include <vector>

namespace hessq {

/// How one number of an array file is stored: kind 'f' (IEEE), 'i' (signed), 'u' (unsigned) or 'b' (boolean).
struct ElementType {
    char kind;
    Index size; ///< bytes
    std::endian order;
};

/// Whether read_elements knows the type: f4, f8, i1, i2, i4, i8, u1, u2, u4, u8, b1.
bool is_known(const ElementType& type);

/// Whether the product of the extents, times the element's size, is exactly this number of bytes. Never overflows.
bool fills(const std::vector<Index>& shape, Index element_size, std::size_t bytes);

/// The numbers in the order of the file, as the columns of a rows x cols matrix one after the other.
/// `bytes` must hold rows * cols elements.
Matrix read_elements(std::string_view bytes, const ElementType& type, Index rows, Index cols);

} // namespace hessq
