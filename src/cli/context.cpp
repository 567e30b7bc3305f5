#include "cli/context.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "cli/reporter.h"

namespace meros::cli {
namespace {

// One line of standard input, as far as it comes; at most a few bytes are wanted.
std::string read_line() {
  std::string line;
  for (char c = 0; line.size() < 64;) {
    const ssize_t n = ::read(STDIN_FILENO, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || c == '\n') return line;
    line += c;
  }
  return line;
}

}  // namespace

Context::Context(machine::Face face) : face_(face), out_(STDOUT_FILENO), err_(STDERR_FILENO) {}
Context::~Context() = default;

const machine::Home& Context::home() {
  if (home_) return *home_;
  home_ = face_ == machine::Face::meros ? machine::find_meros_home(options.data_dir)
                                        : machine::find_mergenc_home(options.images_dir, options.volumes_dir);
  detail(fmt::format("machines are in '{}'", home_->volumes_dir.string()));
  return *home_;
}

Reporter& Context::reporter() { return own_reporter(); }

void Context::show_steps(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total) {
  own_reporter().steps(what, done, total);
}

StderrReporter& Context::own_reporter() {
  using Times = StderrReporter::Times;
  if (!reporter_)
    reporter_ =
        std::make_unique<StderrReporter>(err_, std::string(program()), options.debug ? Times::shown : Times::hidden);
  return *reporter_;
}

void Context::detail(const std::string& text) {
  if (options.verbose || options.debug) reporter().note(text);
}

void Context::print_error(const Error& error) {
  std::string text =
      fmt::format("{} {}\n", err_.paint(fmt::format("{}:", program()), Colour::red), printable_lines(error.message()));
  if (!error.hint().empty()) text += fmt::format("hint: {}\n", printable_lines(error.hint()));
  err_.write(text);
}

bool Context::confirm(const std::string& question) {
  if (options.yes || ::isatty(STDIN_FILENO) == 0 || !err_.is_terminal()) return true;
  err_.write(fmt::format("{} [y/N] ", printable(question)));
  const std::string answer = read_line();
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace meros::cli
