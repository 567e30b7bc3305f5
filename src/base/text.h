// Text to values, strictly: the whole text must be the value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meros {

// Decimal only; nothing for signs, blanks, overflow or trailing characters.
std::optional<std::uint64_t> parse_unsigned(std::string_view text);

// "512" (MiB), "512M", "512MiB", "2G", "2GiB", "1T": in MiB. InvalidError names `what` and the text.
std::uint64_t parse_mebibytes(std::string_view text, std::string_view what);

// [A-Za-z0-9][A-Za-z0-9_-]{0,62}
bool is_valid_name(std::string_view name);
// InvalidError with the pattern in words. `what` is "machine name", "constellation name" …
void check_name(std::string_view name, std::string_view what);
// Lower case, '_' as '-': what a host name, a DNS label and a Firecracker id are made from.
std::string host_name_of(std::string_view name);

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);

// "1.5 GiB", "512 MiB"
std::string format_bytes(std::uint64_t bytes);
// Of `candidates` the one a person most likely meant (edit distance at most 1/3 of the longer one's length), or
// nothing.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);
// UTC, "2026-01-31T12:00:00.123Z"
std::string format_time(std::int64_t unix_milliseconds);
std::int64_t now_milliseconds();
// A 64-bit FNV-1a hash: names of things on the host hash the data directory in. Stable across versions.
std::uint64_t stable_hash(std::string_view text);

}  // namespace meros
