#include "support/process.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "support/wait.h"

namespace meros::test {
namespace {

namespace fs = std::filesystem;

fs::path proc_of(pid_t pid) { return fs::path("/proc") / std::to_string(pid); }

// A file of /proc, whose size is not known beforehand; empty when the process has ended or is not ours to look into.
std::string read_proc(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<pid_t> all_pids() {
  std::vector<pid_t> pids;
  for (const auto& entry : fs::directory_iterator("/proc"))
    if (const auto pid = parse_unsigned(entry.path().filename().string())) pids.push_back(static_cast<pid_t>(*pid));
  return pids;
}

bool is_below(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory + "/");
}

bool link_is_below(const fs::path& link, const std::string& directory) {
  std::error_code gone;
  return is_below(fs::read_symlink(link, gone).string(), directory);
}

bool has_open_below(pid_t pid, const std::string& directory) {
  std::error_code gone;
  for (auto it = fs::directory_iterator(proc_of(pid) / "fd", gone); !gone && it != fs::directory_iterator();
       it.increment(gone))
    if (link_is_below(it->path(), directory)) return true;
  return false;
}

std::string command_line_of(pid_t pid) {
  std::string text = read_proc(proc_of(pid) / "cmdline");
  std::replace(text.begin(), text.end(), '\0', ' ');
  return std::string(trim(text));
}

Fd open_pidfd(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

}  // namespace

std::vector<Process> processes_of(const fs::path& directory) {
  const std::string place = directory.string();
  std::vector<Process> found;
  for (const pid_t pid : all_pids()) {
    if (pid == ::getpid() || !is_alive(pid)) continue;
    const std::string command_line = command_line_of(pid);
    if (command_line.find(place) != std::string::npos || link_is_below(proc_of(pid) / "cwd", place) ||
        has_open_below(pid, place))
      found.push_back({pid, command_line});
  }
  return found;
}

std::optional<std::string> status_line(pid_t pid, const std::string& name) {
  std::istringstream status(read_proc(proc_of(pid) / "status"));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name + ":")) return std::string(trim(line.substr(name.size() + 1)));
  return std::nullopt;
}

bool is_alive(pid_t pid) {
  const auto state = status_line(pid, "State");
  return state && !state->starts_with("Z") && !state->starts_with("X");
}

std::optional<uid_t> effective_uid(pid_t pid) {
  const auto line = status_line(pid, "Uid");
  if (!line) return std::nullopt;
  uid_t real = 0;
  uid_t effective = 0;
  std::istringstream(*line) >> real >> effective;
  return effective;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  std::error_code gone;
  for (const auto& task : fs::directory_iterator(proc_of(pid) / "task", gone)) {
    std::istringstream list(read_proc(task.path() / "children"));
    for (pid_t child = 0; list >> child;) children.push_back(child);
  }
  return children;
}

void kill_and_wait(pid_t pid) {
  if (pid <= 0) throw Error("there is no process to kill");
  const Fd process = open_pidfd(pid);
  if (!process) return;
  ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
  wait_for(process, POLLIN, static_cast<int>(patience.count()));
}

void kill_processes_of(const fs::path& directory) {
  eventually([&] {
    const auto left = processes_of(directory);
    for (const auto& process : left) kill_and_wait(process.pid);
    reap_orphans();
    return left.empty();
  });
}

void adopt_orphans() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) throw_errno("cannot become a subreaper");
}

void reap_orphans() {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

}  // namespace meros::test
