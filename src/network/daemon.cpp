#include "network/daemon.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"

namespace meros::network {
namespace {

using namespace std::chrono_literals;

constexpr auto ran_well = 10s;
constexpr auto first_pause = 100ms;
constexpr int most_doublings = 8;  // 25.6 s
constexpr std::size_t kept_words = 4096;

// A file without a name: a pipe would block where nobody reads.
Fd input_file(const std::string& text) {
  Fd file(::memfd_create("input", MFD_CLOEXEC));
  if (!file) throw_errno("cannot make a file in memory");
  write_all(file, text);
  if (::lseek(file.get(), 0, SEEK_SET) != 0) throw_errno("cannot rewind a file in memory");
  return file;
}

}  // namespace

Daemon::Daemon(std::string name, std::function<Start()> describe)
    : name_(std::move(name)), describe_(std::move(describe)) {}

void Daemon::start() {
  stop();
  Start start = describe_();
  const Fd input = input_file(start.input);
  Pipe log = make_pipe();
  set_nonblocking(log.read_end);
  start.command.pass(input.get(), STDIN_FILENO);
  start.command.pass(log.write_end.get(), STDOUT_FILENO);
  start.command.pass(log.write_end.get(), STDERR_FILENO);
  words_.clear();
  log_ = std::move(log.read_end);
  started_ = Deadline::clock::now();
  child_ = spawn(start.command);
}

void Daemon::watch(Watches& watches) {
  if (log_) watches.add(log_.get(), POLLIN, [this](short) { read_log(); });
  if (child_.running()) watches.add(child_.pidfd().get(), POLLIN, [](short) {});  // tend() looks
}

void Daemon::read_log() {
  std::array<char, kept_words> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): read fills it
  ssize_t n = 0;
  while ((n = ::read(log_.get(), chunk.data(), chunk.size())) > 0) {
    words_.append(chunk.data(), static_cast<std::size_t>(n));
    if (words_.size() > kept_words) words_.erase(0, words_.size() - kept_words);
  }
  if (n == 0 || (errno != EAGAIN && errno != EINTR)) log_.reset();
}

void Daemon::tend() {
  if (child_.running()) {
    const auto ended = child_.try_wait();
    if (!ended) return;
    if (log_) read_log();
    how_it_ended_ = ended->describe();
    quick_ends_ = Deadline::clock::now() - started_ > ran_well ? 0 : quick_ends_ + 1;
    // The first time at once: somebody killed it, most likely.
    const auto pause = quick_ends_ <= 1 ? 0ms : first_pause * (1 << std::min(quick_ends_ - 2, most_doublings));
    next_start_ = Deadline::after(pause);
  }
  if (!next_start_.passed()) return;
  next_start_ = Deadline::never();
  try {
    start();
  } catch (const Error& e) {
    how_it_ended_ = e.message();
    ++quick_ends_;
    next_start_ = Deadline::after(first_pause * (1 << std::min(quick_ends_, most_doublings)));
  }
}

bool Daemon::ended() {
  if (!child_.running()) return true;
  if (wait_for(child_.pidfd(), POLLIN, 0) == 0) return false;
  if (log_) read_log();
  return true;  // tend() reaps it
}

std::optional<std::string> Daemon::problem() const {
  constexpr int few = 2;
  if (quick_ends_ <= few || (child_.running() && Deadline::clock::now() - started_ > ran_well)) return std::nullopt;
  const std::string words = last_words();
  return fmt::format("{} keeps ending ({}){}{}", name_, how_it_ended_, words.empty() ? "" : ": ", words);
}

std::string Daemon::last_words() const {
  const std::string_view text = trim(words_);
  const auto newline = text.rfind('\n');
  std::string line(newline == std::string_view::npos ? text : text.substr(newline + 1));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return line;
}

}  // namespace meros::network
