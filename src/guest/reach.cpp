#include "guest/reach.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/deadline.h"
#include "base/error.h"
#include "machine/state.h"
#include "network/holder.h"

namespace meros::guest {
namespace {

using machine::Config;
using machine::Home;
using machine::MachineId;

std::string try_the_console(const MachineId& id) {
  return fmt::format("if it runs no SSH server, use its console: meros console {}", id.to_string());
}

// By its words, for a holder passes errors on as text.
bool is_refusal(const Error& error) { return error.message().ends_with(std::generic_category().message(ECONNREFUSED)); }

Config config_of_running(const Home& home, const MachineId& id) {
  auto status = machine::status_of(home, id);
  if (!status.config) throw InvalidError(status.problem);
  if (status.supervisor_pid == 0)
    throw Error(fmt::format("machine '{}' does not run ({})", id.to_string(), to_string(status.state)),
                fmt::format("start it: meros start {}", id.to_string()));
  return std::move(*status.config);
}

network::Ipv4 require_address(const Config& config, const MachineId& id) {
  if (const auto address = address_of(config)) return *address;
  throw Error(fmt::format("machine '{}' has no address that is known here", id.to_string()), try_the_console(id));
}

network::Holder find_holder(const Home& home, const std::string& network) {
  if (auto holder = network::Holder::find(home.network_dir(network))) return std::move(*holder);
  throw Error(fmt::format("the network of constellation '{}' is not up", network),
              fmt::format("meros init {}", network));
}

void wait_until_connected(const Fd& socket, const Deadline& deadline, const std::string& target) {
  if (wait_for(socket, POLLOUT, deadline.poll_timeout()) == 0)
    throw TimeoutError(fmt::format("cannot reach {} in time", target));
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) throw_errno("cannot look at a socket");
  if (error != 0) throw SystemError("cannot reach " + target, error);
}

Fd connect_directly(network::Ipv4 address, std::uint16_t port, std::chrono::milliseconds timeout) {
  const std::string target = fmt::format("{}:{}", address.to_string(), port);
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) throw_errno("cannot make a socket");
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(address.value);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    if (errno != EINPROGRESS) throw_errno("cannot reach " + target);
    wait_until_connected(socket, Deadline::after(timeout), target);
  }
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) throw_errno("cannot set up a socket");
  return socket;
}

}  // namespace

std::optional<network::Ipv4> address_of(const Config& config) {
  for (const auto& nic : config.nics)
    if (const auto address = network::try_parse_ipv4(nic.guest_ip)) return address;
  return config.network ? network::try_parse_ipv4(config.network->guest_ip) : std::nullopt;
}

void require_reachable(const Home& home, const MachineId& id) { require_address(config_of_running(home, id), id); }

Fd dial(const Home& home, const MachineId& id, std::uint16_t port, std::chrono::milliseconds timeout) {
  const Config config = config_of_running(home, id);
  const auto address = require_address(config, id);
  try {
    if (config.network_name.empty()) return connect_directly(address, port, timeout);
    return find_holder(home, config.network_name).dial(address, port, timeout);
  } catch (Error& e) {
    if (port == ssh_port && is_refusal(e)) {
      e.add_context("no SSH server answers");
      e.suggest(fmt::format("use its console: meros console {}", id.to_string()));
    }
    e.add_context(fmt::format("machine '{}'", id.to_string()));
    e.suggest(try_the_console(id));
    throw;
  }
}

void pass_to_stdout(const Fd& descriptor) {
  struct stat info {};
  if (::fstat(STDOUT_FILENO, &info) != 0 || !S_ISSOCK(info.st_mode))
    throw UsageError("the connection is passed on as a descriptor, and standard output is no socket",
                     "it is meant for ssh: ProxyUseFdpass=yes");
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int number = descriptor.get();
  std::memcpy(CMSG_DATA(header), &number, sizeof number);
  if (::sendmsg(STDOUT_FILENO, &message, 0) != 1) throw_errno("cannot pass the connection on");
}

}  // namespace meros::guest
