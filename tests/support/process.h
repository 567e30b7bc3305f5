// Processes as /proc shows them: who belongs to a test's directory, as which user, holding what.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace meros::test {

struct Process {
  pid_t pid;
  std::string command_line;  // arguments with blanks between
};

// Those that name `directory` in their arguments, work below it, or have something below it open; not ourselves.
// Zombies are not counted.
std::vector<Process> processes_of(const std::filesystem::path& directory);

bool is_alive(pid_t pid);  // there, and not a zombie
// A line of /proc/<pid>/status without its name ("0\t0\t0\t0" for "Uid"); nothing when it has ended.
std::optional<std::string> status_line(pid_t pid, const std::string& name);
std::optional<uid_t> effective_uid(pid_t pid);
// The children of a process, by the kernel's list.
std::vector<pid_t> children_of(pid_t pid);

// Sends SIGKILL through a pidfd and waits for the end; no effect where it has ended. An Error for pid 0: what was meant
// does not run.
void kill_and_wait(pid_t pid);
// The same for everything that belongs to `directory`, again until nothing is left.
void kill_processes_of(const std::filesystem::path& directory);

// From now on orphans below us become our children, so that none escapes the leak check; reap_orphans() takes those
// that have ended.
void adopt_orphans();
void reap_orphans();

}  // namespace meros::test
