// The user namespace that images are built in without root: its ids 0 to 65535 are the caller and the caller's
// subordinate range, so that files of any owner can be made.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace meros::image {

struct IdRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  bool operator==(const IdRange&) const = default;
};

// The largest range of a user in the text of /etc/subuid or /etc/subgid, subuid(5); nothing without one.
std::optional<IdRange> subordinate_range(std::string_view text, const std::string& user_name, uid_t user);

// Ids that a Debian system uses: 0 to 65534.
constexpr std::uint64_t ids_wanted = 65535;

// What newuidmap(1) and newgidmap(1) get for a process: caller -> 0, range -> 1 upward.
std::vector<std::string> id_map_arguments(const std::string& program, pid_t process, std::uint64_t caller,
                                          const IdRange& range);

// A new user namespace with all of that mapped, held by the descriptor; nothing as root, who needs none.
// HostError, with the way out, where there is no range, no newuidmap, or no leave to make a user namespace.
std::optional<Fd> make_user_namespace();

}  // namespace meros::image
