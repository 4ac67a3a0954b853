#pragma once

#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

/// The candidate that `name` is most probably a misspelling of, for "did you mean ...?": the one with the fewest
/// edits (insert, delete or replace a letter, swap two neighbors; upper and lower case are the same letter).
/// If even the nearest needs more edits than a third of the longer name's length, the first that begins with `name`, of
/// three letters or more; else empty. The first of equals wins.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// Whether all of `name` fits a shell-like pattern: * stands for any letters or none, ? for one letter, everything
/// else for itself.
///
/// Cost       Letters of the name times letters of the pattern at most.
bool matches_pattern(std::string_view name, std::string_view pattern);

} // namespace hessq
#pragma GCC visibility pop
