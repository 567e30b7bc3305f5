#include "support/leaks.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include "network/tap.h"
#include "support/process.h"
#include "support/wait.h"

namespace meros::test {
namespace {

namespace fs = std::filesystem;

// Ending is asynchronous for what nobody has to wait for, a supervisor that has freed its lock for example.
constexpr std::chrono::milliseconds moment{3'000};

void add_links(std::set<std::string>& found) {
  for (const auto& link : meros::network::list_links()) found.insert("link " + link.name);
}

void add_mounts(std::set<std::string>& found) {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string id, parent, device, root, point;
    words >> id >> parent >> device >> root >> point;
    found.insert("mount " + point);
  }
}

void add_named_namespaces(std::set<std::string>& found) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/run/netns", none))
    found.insert("network namespace " + entry.path().filename().string());
}

void add_descendants(pid_t pid, std::set<pid_t>& pids) {
  for (const pid_t child : children_of(pid))
    if (is_alive(child) && pids.insert(child).second) add_descendants(child, pids);
}

std::string command_line(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

void add_processes(const fs::path& home, std::set<std::string>& found) {
  std::set<pid_t> pids;
  add_descendants(::getpid(), pids);
  for (const auto& process : processes_of(home)) pids.insert(process.pid);
  for (const pid_t pid : pids) found.insert("process " + std::to_string(pid) + ": " + command_line(pid));
}

void add_sockets(const fs::path& home, std::set<std::string>& found) {
  std::ifstream sockets("/proc/net/unix");
  for (std::string line; std::getline(sockets, line);)
    if (const auto at = line.find(home.string()); at != std::string::npos) found.insert("socket " + line.substr(at));
}

void add_files(const fs::path& home, std::set<std::string>& found) {
  std::error_code gone;
  for (const auto& entry : fs::recursive_directory_iterator(home, gone)) {
    if (entry.is_directory(gone) && !entry.path().filename().string().starts_with(".")) continue;
    if (entry.path().filename() == ".locks" || entry.path().parent_path().filename() == ".locks") continue;
    found.insert("file " + entry.path().lexically_relative(home).string());
  }
}

}  // namespace

LeakCheck::LeakCheck(fs::path home) : home_(std::move(home)) {
  adopt_orphans();
  before_ = look();
}

std::set<std::string> LeakCheck::look() const {
  std::set<std::string> found;
  add_links(found);
  add_mounts(found);
  add_named_namespaces(found);
  add_processes(home_, found);
  add_sockets(home_, found);
  add_files(home_, found);
  return found;
}

std::vector<std::string> LeakCheck::found() const {
  std::vector<std::string> left;
  eventually(
      [&] {
        reap_orphans();
        const auto now = look();
        left.clear();
        std::set_difference(now.begin(), now.end(), before_.begin(), before_.end(), std::back_inserter(left));
        return left.empty();
      },
      moment);
  return left;
}

}  // namespace meros::test
