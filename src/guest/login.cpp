#include "guest/login.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/text.h"
#include "image/built.h"
#include "image/ssh_keys.h"
#include "machine/config.h"

namespace fs = std::filesystem;

namespace meros::guest {
namespace {

using machine::Home;
using machine::MachineId;

constexpr std::size_t largest_key = std::size_t{16} << 10;
constexpr auto accept_new = "accept-new";

fs::path keys_dir(const Home& home) { return home.data_dir / "ssh_keys"; }

// Whose image the machine boots: its own, or the one that `create --rootfs` named, if that was built here.
std::optional<image::Built> image_of(const Home& home, const MachineId& id) {
  if (!id.constellation.empty()) return image::read_built(home.images_dir, id.constellation, id.name);
  const auto config = machine::read_config(machine::volume_of(home, id));
  if (!config.root || !config.root->backing_path) return std::nullopt;
  const fs::path image = *config.root->backing_path;
  if (image.parent_path() != home.images_dir) return std::nullopt;
  // The name is "<constellation>-<machine>", and both may have '-' in them.
  const std::string name = image.stem().string();
  for (auto dash = name.find('-'); dash != std::string::npos; dash = name.find('-', dash + 1)) {
    const std::string constellation = name.substr(0, dash);
    const std::string machine = name.substr(dash + 1);
    if (!is_valid_name(constellation) || !is_valid_name(machine)) continue;
    if (auto built = image::read_built(home.images_dir, constellation, machine)) return built;
  }
  return std::nullopt;
}

std::string user_of(const MachineId& id, const LoginOptions& options, const std::optional<image::Built>& built) {
  if (options.user) return *options.user;
  if (built && !built->user.empty()) return built->user;
  throw UsageError(fmt::format("it is not known who can log in to '{}'", id.to_string()),
                   "name the user with --user, and the private key with --identity");
}

// ssh takes no key that others can read.
void narrow(const fs::path& key) {
  struct stat info {};
  if (::stat(key.c_str(), &info) != 0 || (info.st_mode & 077) == 0 || info.st_uid != ::geteuid()) return;
  if (::chmod(key.c_str(), 0600) != 0) throw_errno(fmt::format("cannot narrow the modes of '{}'", key.string()));
}

std::optional<fs::path> identity_of(const Home& home, const LoginOptions& options,
                                    const std::optional<image::Built>& built, const MachineId& id) {
  if (options.identity) {
    if (::access(options.identity->c_str(), R_OK) != 0)
      throw SystemError(fmt::format("cannot read the private key '{}'", *options.identity), errno);
    return fs::absolute(*options.identity);
  }
  if (!built && id.constellation.empty()) return std::nullopt;
  const auto key = built ? image::user_key_file(keys_dir(home), built->constellation, built->machine)
                         : image::user_key_file(keys_dir(home), id.constellation, id.name);
  if (!fs::exists(key)) return std::nullopt;
  narrow(key);
  return key;
}

// The first two words of a public key, if it is one.
std::string key_words(const std::string& public_key) {
  const auto words = split(trim(public_key), ' ');
  const bool plausible = words.size() >= 2 && (words[0].starts_with("ssh-") || words[0].starts_with("ecdsa-")) &&
                         words[1].starts_with("AAAA") &&
                         std::ranges::all_of(words[0] + words[1], [](char c) { return c > ' ' && c < 127; });
  if (!plausible) throw InvalidError("it is not a public key", "name a file such as ssh_host_ed25519_key.pub");
  return words[0] + " " + words[1];
}

void pin_host_key(const Home& home, const std::string& alias, const std::string& file) {
  make_directories(home.data_dir);
  make_directories(keys_dir(home), 0700);
  const auto lock = FileLock::take(open_file(keys_dir(home) / ".lock", O_RDWR | O_CREAT), Deadline::never(), [] {});
  const fs::path known_hosts = keys_dir(home) / "known_hosts";
  const std::string before = read_file_if_exists(known_hosts).value_or("");
  try {
    const std::string after = with_pin(before, alias, read_file(file, largest_key));
    if (after != before) replace_file(known_hosts, after, 0600);
  } catch (Error& e) {
    e.add_context(fmt::format("cannot take the host key of '{}'", file));
    throw;
  }
}

void require_pin(const Login& login, const MachineId& id) {
  if (login.accept_new) return;
  if (has_pin(read_file_if_exists(login.known_hosts).value_or(""), login.host_key_alias)) return;
  throw Error(
      fmt::format("the host key of '{}' is not known, so that nobody can tell whether it is the one that answers",
                  id.to_string()),
      "name it with --host-key FILE (the guest's /etc/ssh/ssh_host_ed25519_key.pub), or take the first that is "
      "seen with --host-key accept-new");
}

}  // namespace

std::string host_name_of(const MachineId& id) {
  if (!id.constellation.empty()) return image::host_key_alias(id.constellation, id.name);
  std::string name = id.name + ".meros";
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return name;
}

void check_user(const std::string& user) {
  const auto is_good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  if (!user.empty() && user.size() <= 32 && user.front() != '-' && std::ranges::all_of(user, is_good)) return;
  throw InvalidError("that is not a user's name", "use letters, digits, '_', '-' and '.', 32 at most");
}

bool has_pin(const std::string& known_hosts, const std::string& alias) {
  return std::ranges::any_of(split(known_hosts, '\n'),
                             [&](const std::string& line) { return line.starts_with(alias + " "); });
}

std::string with_pin(const std::string& known_hosts, const std::string& alias, const std::string& public_key) {
  const std::string key = key_words(public_key);
  std::string text;
  for (const auto& line : split(known_hosts, '\n'))
    if (!line.empty() && !line.starts_with(alias + " ")) text += line + "\n";
  return text + alias + " " + key + "\n";
}

Login find_login(const Home& home, const MachineId& id, const LoginOptions& options) {
  const auto built = image_of(home, id);
  Login login;
  login.user = user_of(id, options, built);
  check_user(login.user);
  login.identity = identity_of(home, options, built, id);
  login.known_hosts = keys_dir(home) / "known_hosts";
  // A machine of `create` that boots an image of ours answers with the host key that is in it.
  const bool borrowed = built && id.constellation.empty();
  login.host_key_alias = borrowed ? image::host_key_alias(built->constellation, built->machine) : host_name_of(id);
  if (options.host_key == accept_new) {
    make_directories(home.data_dir);
    make_directories(keys_dir(home), 0700);  // ssh writes the key into it
    login.accept_new = true;
  } else if (options.host_key) {
    pin_host_key(home, login.host_key_alias, *options.host_key);
  }
  require_pin(login, id);
  return login;
}

}  // namespace meros::guest
