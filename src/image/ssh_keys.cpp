#include "image/ssh_keys.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>

#include "base/child.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/text.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

constexpr std::size_t largest_key = std::size_t{16} << 10;

std::string prefix(const std::string& constellation, const std::string& machine) {
  return constellation + "-" + machine + "-";
}

void give_to_user(const fs::path& file) {
  const Owner owner = invoking_user();
  if (::geteuid() == 0 && owner.uid != 0 && ::chown(file.c_str(), owner.uid, owner.gid) != 0)
    throw_errno(fmt::format("cannot change the owner of '{}'", file.string()));
}

// Made under another name: a key is there in whole, with its public half, or not at all.
void make_key(const fs::path& file, const std::string& type, const std::string& comment) {
  if (fs::exists(file)) return;
  const TemporaryDirectory temporary(file.parent_path());
  const fs::path made = temporary.path() / "key";
  Command command;
  command.argv = {"ssh-keygen", "-q", "-t", type, "-N", "", "-C", comment, "-f", made.string()};
  const Output output = run(std::move(command));
  if (!output.status.success())
    throw Error(fmt::format("ssh-keygen ended with {}: {}", output.status.describe(), std::string(trim(output.err))));
  const fs::path made_public = made.string() + ".pub";
  for (const auto& path : {made, made_public}) give_to_user(path);
  fs::rename(made_public, file.string() + ".pub");
  fs::rename(made, file);
}

// Its public half, made again where only that is gone.
std::string public_half(const fs::path& file) {
  const fs::path path = file.string() + ".pub";
  if (auto text = read_file_if_exists(path, largest_key)) return *text;
  Command command;
  command.argv = {"ssh-keygen", "-y", "-f", file.string()};
  const Output output = run(std::move(command));
  if (!output.status.success())
    throw Error(fmt::format("'{}' is not a key that can be used: {}", file.string(), std::string(trim(output.err))));
  replace_file(path, output.out);
  return output.out;
}

// "ssh-ed25519 AAAA…", without the comment.
std::string key_of(const std::string& public_key) {
  const auto words = split(trim(public_key), ' ');
  return words.size() < 2 ? std::string() : words[0] + " " + words[1];
}

}  // namespace

std::string host_key_alias(const std::string& constellation, const std::string& machine) {
  std::string alias = machine + "." + constellation + ".meros";
  for (char& c : alias) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return alias;
}

fs::path user_key_file(const fs::path& ssh_keys_dir, const std::string& constellation, const std::string& machine) {
  const std::string name = prefix(constellation, machine);
  const fs::path older = ssh_keys_dir / (name + "id_rsa");
  return fs::exists(older) ? older : ssh_keys_dir / (name + "id_ed25519");
}

std::string pin(const std::string& known_hosts, const std::string& alias, const MachineKeys& keys) {
  std::string text;
  for (const auto& line : split(known_hosts, '\n'))
    if (!line.empty() && !line.starts_with(alias + " ")) text += line + "\n";
  for (const auto& key : {keys.host_ed25519_public, keys.host_rsa_public})
    if (const std::string words = key_of(key); !words.empty()) text += alias + " " + words + "\n";
  return text;
}

MachineKeys ensure_keys(const fs::path& ssh_keys_dir, const std::string& constellation, const std::string& machine) {
  make_directories(ssh_keys_dir.parent_path());
  make_directories(ssh_keys_dir, 0700);
  const std::string name = prefix(constellation, machine);
  const fs::path user = user_key_file(ssh_keys_dir, constellation, machine);
  const fs::path ed25519 = ssh_keys_dir / (name + "host_ed25519");
  const fs::path rsa = ssh_keys_dir / (name + "host_rsa");
  make_key(user, "ed25519", "meros " + constellation + "/" + machine);
  make_key(ed25519, "ed25519", host_key_alias(constellation, machine));
  make_key(rsa, "rsa", host_key_alias(constellation, machine));
  MachineKeys keys{public_half(user), read_file(ed25519, largest_key), public_half(ed25519),
                   read_file(rsa, largest_key), public_half(rsa)};

  const fs::path file = ssh_keys_dir / "known_hosts";
  const auto lock = FileLock::take(open_file(ssh_keys_dir / ".lock", O_RDWR | O_CREAT), Deadline::never(), [] {});
  const std::string before = read_file_if_exists(file).value_or("");
  const std::string after = pin(before, host_key_alias(constellation, machine), keys);
  if (after != before) replace_file(file, after, 0600);
  return keys;
}

}  // namespace meros::image
