#include "guest/shared_connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "base/text.h"
#include "base/unix_socket.h"
#include "guest/runtime_directory.h"
#include "machine/state.h"

namespace fs = std::filesystem;

namespace meros::guest {
namespace {

using machine::Home;
using machine::MachineId;

constexpr std::size_t longest_path = longest_socket_path - 17;
constexpr std::string_view socket_prefix = "ssh-";
constexpr std::string_view socket_suffix = ".sock";

std::string hash_of(std::string_view text) { return fmt::format("{:016x}", stable_hash(text)); }

fs::path link_for(const fs::path& runtime, const fs::path& volume) { return runtime / hash_of(volume.string()); }

bool link_to(const fs::path& link, const fs::path& volume) {
  if (::symlink(volume.c_str(), link.c_str()) == 0) return true;
  std::error_code error;
  return fs::read_symlink(link, error) == volume;
}

void put_number(std::string& message, std::uint32_t number) {
  for (const int shift : {24, 16, 8, 0}) message += static_cast<char>(number >> shift & 0xff);
}

// "Terminate", by ssh's own protocol (PROTOCOL.mux): a hello of version 4, then the request.
std::string terminate_request() {
  constexpr std::uint32_t hello = 1;
  constexpr std::uint32_t version = 4;
  constexpr std::uint32_t terminate = 0x10000005;
  std::string request;
  for (const auto& [type, value] : {std::pair{hello, version}, std::pair{terminate, std::uint32_t{0}}}) {
    put_number(request, 8);
    put_number(request, type);
    put_number(request, value);
  }
  return request;
}

void end_connection(const Fd& volume, const std::string& name) {
  constexpr int patience_ms = 1000;
  if (const auto socket = connect_unix(volume, name)) {
    write_all(*socket, terminate_request());
    // It answers and ends; what it says is of no interest.
    std::array<char, 256> answer{};
    while (wait_for(*socket, POLLIN, patience_ms) != 0 && ::read(socket->get(), answer.data(), answer.size()) > 0)
      continue;
  }
  ::unlinkat(volume.get(), name.c_str(), 0);
}

}  // namespace

std::optional<fs::path> shared_connection(const Home& home, const MachineId& id, const Login& login) {
  const auto runtime = runtime_directory();
  if (!runtime) return std::nullopt;
  const fs::path volume = machine::volume_of(home, id);
  const fs::path link = link_for(*runtime, volume);
  if (!link_to(link, volume)) return std::nullopt;
  const auto state = machine::read_state(volume);
  const std::string identity = login.identity ? login.identity->string() : "";
  const std::string run =
      fmt::format("{}\n{}\n{}\n{}", state ? state->started_at_ms : 0, login.user, identity, login.host_key_alias);
  const fs::path path = link / fmt::format("{}{}{}", socket_prefix, hash_of(run), socket_suffix);
  if (path.string().size() > longest_path) return std::nullopt;
  return path;
}

bool is_served(const fs::path& control_path) {
  try {
    return connect_unix(control_path.string()).has_value();
  } catch (const SystemError&) {
    return false;  // the machine's volume is gone
  }
}

void end_shared_connections(const Home& home, const MachineId& id) noexcept {
  try {
    const fs::path volume = machine::volume_of(home, id);
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(volume)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(socket_prefix) && name.ends_with(socket_suffix)) names.push_back(name);
    }
    if (names.empty()) return;
    const Fd directory = open_file(volume, O_RDONLY | O_DIRECTORY);
    for (const auto& name : names) end_connection(directory, name);
    if (const auto runtime = runtime_directory()) ::unlink(link_for(*runtime, volume).c_str());
  } catch (const std::exception&) {
    // It is only a courtesy to ssh, which sees by itself, half a minute later, that nobody answers.
  }
}

}  // namespace meros::guest
