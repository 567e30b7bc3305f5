#include "image/user_namespace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace meros::image {
namespace {

constexpr auto doctor = "'meros doctor' says what is missing";

std::string own_name() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::to_string(::geteuid());
  return found->pw_name;
}

IdRange own_range(const std::string& file) {
  const std::string name = own_name();
  const auto range = subordinate_range(read_file_if_exists(file).value_or(""), name, ::geteuid());
  if (!range)
    throw HostError(
        fmt::format("user '{}' has no subordinate ids in {}: an image has files of many owners", name, file),
        fmt::format("sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {}", name));
  if (range->count < ids_wanted)
    throw HostError(fmt::format("user '{}' has {} subordinate ids in {}, and an image needs {}", name, range->count,
                                file, ids_wanted),
                    fmt::format("sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {}", name));
  return *range;
}

// Something that is in the namespace while its maps are written: it ends when we close its input.
struct Inhabitant {
  Child child;
  Fd input;
};

Inhabitant make_inhabitant() {
  Command command;
  command.argv = {"cat"};
  command.namespaces = CLONE_NEWUSER;  // without maps: they are not ours to write
  Pipe pipe = make_pipe();
  command.pass(pipe.read_end.get(), 0);
  try {
    return {spawn(command), std::move(pipe.write_end)};
  } catch (const NamespaceError& e) {
    throw HostError(fmt::format("this user may not make a user namespace: {}", e.message()), doctor);
  }
}

void run_mapper(const std::vector<std::string>& arguments) {
  Command command;
  command.argv = arguments;
  Output output;
  try {
    output = run(std::move(command));
  } catch (const HostError&) {
    throw HostError(fmt::format("{} is not installed: without it only root can build images", arguments[0]),
                    "sudo apt-get install uidmap");
  }
  if (!output.status.success())
    throw HostError(
        fmt::format("{} refuses this user's subordinate ids: {}", arguments[0], std::string(trim(output.err))), doctor);
}

}  // namespace

std::optional<IdRange> subordinate_range(std::string_view text, const std::string& user_name, uid_t user) {
  std::optional<IdRange> largest;
  for (const std::string& line : split(text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() != 3 || (fields[0] != user_name && fields[0] != std::to_string(user))) continue;
    const auto first = parse_unsigned(fields[1]);
    const auto count = parse_unsigned(trim(fields[2]));
    if (!first || !count) continue;
    if (!largest || *count > largest->count) largest = IdRange{*first, *count};
  }
  return largest;
}

std::vector<std::string> id_map_arguments(const std::string& program, pid_t process, std::uint64_t caller,
                                          const IdRange& range) {
  return {program,
          std::to_string(process),
          "0",
          std::to_string(caller),
          "1",
          "1",
          std::to_string(range.first),
          std::to_string(range.count)};
}

std::optional<Fd> make_user_namespace() {
  if (::geteuid() == 0) return std::nullopt;
  const IdRange users = own_range("/etc/subuid");
  const IdRange groups = own_range("/etc/subgid");
  const Inhabitant inhabitant = make_inhabitant();
  run_mapper(id_map_arguments("newuidmap", inhabitant.child.pid(), ::geteuid(), users));
  run_mapper(id_map_arguments("newgidmap", inhabitant.child.pid(), ::getegid(), groups));
  return open_file(fmt::format("/proc/{}/ns/user", inhabitant.child.pid()), O_RDONLY);
}

}  // namespace meros::image
