#include "network/holder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <csignal>

#include <cerrno>

#include "base/child.h"
#include "base/descriptor_socket.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/line_socket.h"
#include "base/lock.h"
#include "base/text.h"
#include "base/unix_socket.h"
#include "network/holder_protocol.h"
#include "network/links.h"
#include "network/names.h"
#include "network/namespace.h"
#include "network/uplink.h"

namespace fs = std::filesystem;

namespace meros::network {
namespace {

using namespace std::chrono_literals;

constexpr auto time_to_answer = 30s;
constexpr auto time_to_apply = 120s;
constexpr auto time_to_start = 120s;  // it applies the recorded network first
constexpr auto time_for_rival = 30s;
constexpr auto time_after_sigterm = 10s;
constexpr auto time_to_vanish = 5s;

// An Error that came over the socket, as what it was: callers tell them apart by kind.
[[noreturn]] void rethrow(const Json& answer) {
  const Error error = error_from_json(get<Json>(answer, "error"));
  switch (error.exit_code()) {
    case ExitCode::invalid:
      throw InvalidError(error.message(), error.hint());
    case ExitCode::not_found:
      throw NotFoundError(error.message(), error.hint());
    case ExitCode::busy:
      throw BusyError(error.message(), error.hint());
    case ExitCode::host_lacks:
      throw HostError(error.message(), error.hint());
    case ExitCode::timed_out:
      throw TimeoutError(error.message(), error.hint());
    default:
      throw Error(error);
  }
}

struct Answer {
  Json json;
  std::vector<Fd> descriptors;
};

Answer ask(const Fd& socket, const Json& request, std::chrono::milliseconds time) {
  constexpr auto gone = "the network's holder went away";
  if (!send_line(socket, request.dump())) throw Error(gone, "try again: the next verb starts a new one");
  auto line = read_line_with(socket, max_answer, Deadline::after(time));
  if (!line) throw Error(gone, "try again: the next verb starts a new one");
  Answer answer{parse_json(line->line, "the holder's answer"), std::move(line->descriptors)};
  if (!get<bool>(answer.json, "ok")) rethrow(answer.json);
  return answer;
}

Fd only_descriptor(Answer answer) {
  if (answer.descriptors.empty()) throw Error("the network's holder gave no descriptor");
  return std::move(answer.descriptors.front());
}

HostError another_users() {
  return HostError("the network belongs to another user", "run it with sudo, or as that user");
}

std::optional<Fd> connect_to(const fs::path& directory) {
  const Fd fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  try {
    return connect_unix(fd, socket_name);
  } catch (const SystemError& e) {
    if (e.error_number() == EACCES) throw another_users();
    throw;
  }
}

// The namespace of a holder that was killed: by its name, or from somebody who is in it.
std::optional<Fd> surviving_namespace(const HolderPlace& place, const Names& names) {
  if (::geteuid() == 0)
    if (auto named = namespace_named(names.network)) return named;
  const std::uint64_t ours = own_network_inode();
  for (const pid_t pid : place.inhabitants)
    if (auto network = network_namespace_of(pid); network && inode_of(*network) != ours) return network;
  return std::nullopt;
}

Command holder_command(const HolderPlace& place, const Fd& directory, const Fd& ready,
                       const std::optional<Fd>& survivor, const std::optional<Fd>& user) {
  Command command;
  command.argv = {place.program.string(), holder_option, place.directory.lexically_normal().string()};
  command.pass(ready.get(), holder_ready_descriptor);
  command.working_directory = directory.get();
  command.new_session = true;
  // init of a PID namespace of its own: its death ends all that serves the network, whatever their users.
  command.namespaces = CLONE_NEWPID;
  if (survivor) {
    command.pass(survivor->get(), holder_namespace_descriptor);
    command.argv.emplace_back(take_over_option);
  }
  if (::geteuid() == 0) return command;
  command.argv.emplace_back(user_namespace_option);
  if (user) {
    command.user_namespace = user->get();
  } else {
    command.namespaces |= CLONE_NEWUSER;
    command.uid_map = fmt::format("0 {} 1\n", ::geteuid());
    command.gid_map = fmt::format("0 {} 1\n", ::getegid());
  }
  return command;
}

// Nothing where another one was quicker.
void start_holder(const HolderPlace& place) {
  const auto survivor = surviving_namespace(place, names_of(place.directory));
  std::optional<Fd> user;
  if (survivor && ::geteuid() != 0) user = user_namespace_of(*survivor);
  const Fd directory = open_file(place.directory, O_RDONLY | O_DIRECTORY);
  SocketPair ready = make_socket_pair();
  Child holder;
  try {
    holder = spawn(holder_command(place, directory, ready.theirs, survivor, user));
  } catch (const NamespaceError& e) {
    throw HostError(std::string("cannot make the namespaces of a network: ") + e.message(),
                    "the host must let you make user namespaces (sysctl user.max_user_namespaces, or "
                    "kernel.unprivileged_userns_clone), or run it with sudo");
  } catch (const SystemError& e) {
    if (e.error_number() != ENOENT) throw;
    throw HostError("the program '" + place.program.string() + "' is missing", "reinstall meros");
  }
  ready.theirs.reset();
  LineReader reader(max_answer);
  const auto line = reader.read_line(ready.ours, Deadline::after(time_to_start));
  if (!line) throw Error("the network's holder ended before it said ready (" + holder.wait().describe() + ")");
  const Json answer = parse_json(*line, "the holder's answer");
  if (get<bool>(answer, "ok")) return holder.detach();
  holder.wait();
  rethrow(answer);
}

void end_holder(const fs::path& directory) {
  const std::string lock = directory / lock_name;
  const auto owner = pin_lock_owner(lock);
  if (!owner) return;
  for (const int signal : {SIGTERM, SIGKILL}) {
    if (::syscall(SYS_pidfd_send_signal, owner->pidfd.get(), signal, nullptr, 0) != 0 && errno != ESRCH) {
      if (errno == EPERM) throw another_users();
      throw_errno(fmt::format("cannot end the network's holder (pid {})", owner->pid));
    }
    if (wait_for(owner->pidfd, POLLIN, Deadline::after(time_after_sigterm).poll_timeout()) != 0) return;
  }
  throw BusyError(fmt::format("the network's holder (pid {}) does not end", owner->pid));
}

// Held while it is taken down, so that its inode stays its own.
std::optional<Fd> namespace_in_use(const HolderPlace& place) {
  if (const auto socket = connect_to(place.directory)) {
    try {
      return only_descriptor(ask(*socket, {{"op", "namespaces"}}, time_to_answer));
    } catch (const Error&) {
      // It is just ending, or hangs: its namespace may still be found.
    }
  }
  return surviving_namespace(place, names_of(place.directory));
}

// What ends by itself has a moment to do so.
void check_unused(const Fd& network, Reporter& reporter) {
  const Deadline deadline = Deadline::after(time_to_vanish);
  auto users = users_of(inode_of(network));
  if (!users.empty()) reporter.note("waiting for " + join(users, ", ") + " to leave the network");
  while (!users.empty() && !deadline.passed()) {
    wait_for(network, 0, 10);
    users = users_of(inode_of(network));
  }
  if (users.empty()) return;
  throw BusyError("the network is still used by " + join(users, ", "), "end them, then try again");
}

}  // namespace

Holder::Holder(Fd socket) : socket_(std::move(socket)) {}

std::optional<Holder> Holder::find(const fs::path& directory) {
  auto socket = connect_to(directory);
  if (!socket) return std::nullopt;
  return Holder(std::move(*socket));
}

Holder Holder::ensure(const HolderPlace& place, Reporter& reporter) {
  make_directories(place.directory);
  const Deadline deadline = Deadline::after(time_for_rival);
  for (;;) {
    if (auto holder = find(place.directory)) return std::move(*holder);
    try {
      start_holder(place);
    } catch (const BusyError&) {
      if (deadline.passed()) throw;
      reporter.note("another command is starting the network");
      // It has the lock and answers soon, or ends.
      wait_until_unlocked((place.directory / lock_name).string(), Deadline::after(20ms));
    }
  }
}

void Holder::apply(const NetworkSpec& spec, Reporter& reporter) {
  const Answer answer = ask(socket_, {{"op", "apply"}, {"spec", to_json(spec)}}, time_to_apply);
  for (const auto& warning : get<std::vector<std::string>>(answer.json, "warnings")) reporter.warn(warning);
}

NetworkStatus Holder::status() {
  const Json answer = ask(socket_, {{"op", "status"}}, time_to_answer).json;
  NetworkStatus status;
  status.pid = peer_of(socket_).pid;
  status.uplink = get<std::string>(answer, "uplink");
  status.namespace_of = get<std::string>(answer, "namespace");
  status.namespace_inode = get<std::uint64_t>(answer, "inode");
  status.problems = get<std::vector<std::string>>(answer, "problems");
  return status;
}

Fd Holder::network_namespace() { return only_descriptor(ask(socket_, {{"op", "namespaces"}}, time_to_answer)); }

std::optional<Fd> Holder::user_namespace() {
  auto descriptors = ask(socket_, {{"op", "namespaces"}}, time_to_answer).descriptors;
  if (descriptors.size() < 2) return std::nullopt;
  return std::move(descriptors[1]);
}

Fd Holder::open_tap(const std::string& name) {
  return only_descriptor(ask(socket_, {{"op", "open_tap"}, {"name", name}}, time_to_answer));
}

Fd Holder::dial(Ipv4 address, std::uint16_t port, std::chrono::milliseconds timeout) {
  const auto milliseconds = static_cast<std::uint32_t>(std::clamp<std::int64_t>(timeout.count(), 0, 1 << 30));
  const Json request = {{"op", "dial"}, {"address", address.to_string()}, {"port", port}, {"timeout_ms", milliseconds}};
  return only_descriptor(ask(socket_, request, timeout + time_to_answer));
}

std::optional<NetworkSpec> recorded_network(const fs::path& directory) {
  const auto text = read_file_if_exists(directory / network_file, max_request);
  if (!text) return std::nullopt;
  return parse_network_spec(*text);
}

void remove_network(const HolderPlace& place, Reporter& reporter) {
  const Names names = names_of(place.directory);
  const auto network = namespace_in_use(place);
  end_holder(place.directory);
  if (::geteuid() == 0) {
    remove_veth(names);
    remove_joints(names);
    remove_name(names.network);
  }
  if (network) check_unused(*network, reporter);
  fs::remove_all(place.directory);
}

}  // namespace meros::network
