#include "guest/transfer.h"

#include <fmt/format.h>

#include "base/child.h"
#include "base/error.h"
#include "base/text.h"

namespace meros::guest {
namespace {

// Of rsync(1), "EXIT VALUES".
constexpr int rsync_usage = 1;
constexpr int rsync_protocol_broke = 12;
constexpr int rsync_partly = 23;
constexpr int rsync_vanished = 24;
constexpr int rsync_remote_not_found = 127;

constexpr auto partial_directory = "--partial-dir=.meros-partial";

// For rsync a colon before the first slash makes a name one of another host's.
std::string local_path(const std::string& path) {
  return path.starts_with('/') || path.starts_with("./") || path.starts_with("../") || path == "." || path == ".."
             ? path
             : "./" + path;
}

// rsync there expands wildcards in what it is to send, and takes backslashes for escapes only in names that have some.
std::string without_wildcards(const std::string& path) {
  constexpr std::string_view wildcards = "*?[";
  if (path.find_first_of(wildcards) == std::string::npos) return path;
  std::string escaped;
  for (const char c : path) {
    if (c == '\\' || wildcards.find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string remote_path(const SshTarget& target, const std::string& path) {
  const bool plain = path.empty() || path.starts_with('/');
  return target.name + ":" + (plain ? path : "./" + path);
}

std::string advice_for(int code, const std::string& machine) {
  if (code == rsync_remote_not_found || code == rsync_protocol_broke)
    return fmt::format("is rsync installed in the guest? meros exec {} -- rsync --version", machine);
  if (code == ssh_failed) return fmt::format("see what ssh said above; the console: meros console {}", machine);
  if (code == rsync_partly) return "see above which files could not be read or written";
  if (code == rsync_vanished) return "files went away while they were read; run it again";
  return "run it again: it goes on where it was";
}

}  // namespace

std::vector<std::string> rsync_argv(const SshTarget& target, const Transfer& transfer) {
  std::vector<std::string> argv = {"rsync"};
  const bool from_guest = transfer.way == Transfer::Way::from_guest;
  if (from_guest) {
    argv.insert(argv.end(), {"-rlptS", "--chmod=ug-s,o-t"});
    if (transfer.owner)
      argv.insert(argv.end(), {"-og", fmt::format("--chown={}:{}", transfer.owner->uid, transfer.owner->gid)});
  } else {
    argv.emplace_back("-aS");
  }
  argv.insert(argv.end(), {"-s", partial_directory});
  if (transfer.progress) argv.emplace_back("--info=progress2");
  argv.insert(argv.end(), {"-e", ssh_for_rsync(target), "--"});
  for (const auto& source : transfer.sources)
    argv.push_back(from_guest ? remote_path(target, without_wildcards(source)) : local_path(source));
  argv.push_back(from_guest ? local_path(transfer.destination) : remote_path(target, transfer.destination));
  return argv;
}

void run_transfer(const SshTarget& target, const std::string& machine, const Transfer& transfer) {
  Command rsync;
  rsync.argv = rsync_argv(target, transfer);
  rsync.environment.emplace_back("SHELL=/bin/sh");  // runs the ProxyCommand
  rsync.pass_stdio();
  const ExitStatus status = spawn(rsync).wait();
  if (status.success()) return;
  const int code = status.shell_code();
  throw Error(fmt::format("the transfer with '{}' was not completed (rsync: {})", machine, status.describe()),
              advice_for(code, machine), code == rsync_usage ? ExitCode::usage : ExitCode::failed);
}

std::optional<GuestPath> parse_guest_path(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos) return std::nullopt;
  const auto names = split(text.substr(0, colon), '/');
  if (names.size() > 2) return std::nullopt;
  for (const auto& name : names)
    if (!is_valid_name(name)) return std::nullopt;
  std::string path = text.substr(colon + 1);
  // No shell of the guest's sees it, so this is done here: what is not absolute is below the home.
  if (path == "~") path.clear();
  if (path.starts_with("~/")) path.erase(0, 2);
  return GuestPath{text.substr(0, colon), path};
}

}  // namespace meros::guest
