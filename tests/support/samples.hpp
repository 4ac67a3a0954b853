#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// The last `size` bytes of the number, most significant first.
inline std::string big_endian(std::uint64_t number, int size) {
    std::string bytes;
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 0xff);
    return bytes;
}

inline std::string little_endian(std::uint64_t number, int size) {
    const std::string bytes = big_endian(number, size);
    return {bytes.rbegin(), bytes.rend()};
}

/// A NumPy file as numpy.lib.format writes it, without padding.
inline std::string npy_bytes(std::string_view descr, bool fortran_order, std::string_view shape, std::string_view data,
                             int version = 1) {
    const std::string header = "{'descr': '" + std::string(descr) +
                               "', 'fortran_order': " + (fortran_order ? "True" : "False") +
                               ", 'shape': " + std::string(shape) + ", }\n";
    return "\x93NUMPY" + std::string(1, static_cast<char>(version)) + std::string(1, '\0') +
           little_endian(header.size(), version == 1 ? 2 : 4) + header + std::string(data);
}

/// An IDX file of the element type `code`.
inline std::string idx_bytes(unsigned code, std::initializer_list<std::uint32_t> shape, std::string_view data) {
    std::string bytes = big_endian(code << 8 | shape.size(), 4);
    for (const std::uint32_t extent : shape) bytes += big_endian(extent, 4);
    return bytes + std::string(data);
}
