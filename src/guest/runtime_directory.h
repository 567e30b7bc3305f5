// A short place for sockets of the user's, in which others can make and remove nothing.
#pragma once

#include <filesystem>
#include <optional>

namespace meros::guest {

// What a Unix socket's address holds (unix(7)), its last zero byte left out.
constexpr std::size_t longest_socket_path = 107;

// <$XDG_RUNTIME_DIR>/meros, /run/meros or /tmp/meros-<uid>, made with mode 0700; at most 45 bytes. Nothing where none
// is short and safe enough.
std::optional<std::filesystem::path> runtime_directory();

}  // namespace meros::guest
