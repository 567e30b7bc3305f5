#include "support/home.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ostream>

#include "support/process.h"
#include "support/programs.h"

namespace meros::test {
namespace {

// /var/tmp is on a disk everywhere, where /tmp may be memory.
constexpr auto place_of_tests = "/var/tmp";
// Far beyond what any command here takes, also under sanitizers: only a hang reaches it.
constexpr std::chrono::seconds hang{120};

}  // namespace

std::ostream& operator<<(std::ostream& stream, const Result& result) {
  return stream << "exit code " << result.code << "\nstdout: " << result.out << "\nstderr: " << result.err;
}

testing::AssertionResult succeeds(const Result& result) {
  if (result.code == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure() << result;
}

testing::AssertionResult fails_with(const Result& result, ExitCode code, std::string_view words) {
  if (result.code == static_cast<int>(code) && result.err.find(words) != std::string::npos)
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << "wanted exit code " << static_cast<int>(code) << " and the words \"" << words
                                     << "\"\n"
                                     << result;
}

TestHome::TestHome(std::optional<Command::Credentials> user)
    : directory_(place_of_tests), open_directory_(open_file(path(), O_RDONLY | O_DIRECTORY)), user_(std::move(user)) {
  // Others pass through, as in an ordinary home: a VMM under a user of its own must not need more.
  if (::fchmod(open_directory_.get(), 0755) != 0) throw_errno("cannot set the mode of '" + path().string() + "'");
  if (user_ && ::fchown(open_directory_.get(), user_->uid, user_->gid) != 0)
    throw_errno("cannot give away '" + path().string() + "'");
  // The tests' own surroundings must not reach the programs.
  environment_ = {"MEROS_DATA_DIR=" + data_dir().string(),
                  "MEROS_ACCEL=",
                  "MEROS_SUPERVISOR=",
                  "SUDO_UID=",
                  "SUDO_GID=",
                  "LC_ALL=C.UTF-8",
                  "HOME=" + path().string()};
}

TestHome::~TestHome() { kill_processes_of(path()); }

std::filesystem::path TestHome::write(const std::string& name, std::string_view content) const {
  const auto file = path() / name;
  std::filesystem::create_directories(file.parent_path());
  write_all(open_file(file, O_WRONLY | O_CREAT | O_TRUNC, 0644), content);
  for (auto made = file; user_ && made != path(); made = made.parent_path())
    if (::chown(made.c_str(), user_->uid, user_->gid) != 0) throw_errno("cannot give away '" + made.string() + "'");
  return file;
}

Command TestHome::command(const std::filesystem::path& program, std::vector<std::string> arguments) const {
  Command command;
  command.argv = std::move(arguments);
  command.argv.insert(command.argv.begin(), program.string());
  command.environment = environment_;
  command.working_directory = open_directory_.get();
  command.credentials = user_;
  return command;
}

Command TestHome::meros_command(std::vector<std::string> arguments) const {
  return command(meros_program(), std::move(arguments));
}

Command TestHome::mergenc_command(std::vector<std::string> arguments) const {
  return command(mergenc_program(), std::move(arguments));
}

Result TestHome::run_to_end(Command command, std::string_view input) const {
  Output output = run(std::move(command), input, Deadline::after(hang));
  return {output.status.shell_code(), std::move(output.out), std::move(output.err)};
}

Result TestHome::meros(std::vector<std::string> arguments, std::string_view input) const {
  return run_to_end(meros_command(std::move(arguments)), input);
}

Result TestHome::mergenc(std::vector<std::string> arguments, std::string_view input) const {
  return run_to_end(mergenc_command(std::move(arguments)), input);
}

}  // namespace meros::test
