#pragma once

#include <exception>
#include <string>
#include <utility>

namespace hessq::test {

/// For BOOST_CHECK_EXCEPTION: the whole message, no less.
inline auto says(std::string expected) {
    return [expected = std::move(expected)](const std::exception& error) { return error.what() == expected; };
}

/// The same for a message that ends with a measured number.
inline auto begins_with(std::string expected) {
    return [expected = std::move(expected)](const std::exception& error) {
        return std::string(error.what()).starts_with(expected);
    };
}

} // namespace hessq::test
