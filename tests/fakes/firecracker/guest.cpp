#include "fakes/firecracker/guest.h"

#include <fmt/format.h>
#include <unistd.h>

namespace meros::fake {
namespace {

// As the real one's serial port: what the other side does not take is lost.
void say(std::string_view text) { [[maybe_unused]] const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size()); }

}  // namespace

Guest::Guest(const std::string& kernel) : program_(program_of(kernel)) {}

std::optional<Guest::End> Guest::run() {
  if (program_.says_ready && !said_ready_) say("meros tiny guest ready\n");
  said_ready_ = true;
  if (program_.crashes) return End::crashed;
  if (program_.is_brief) {
    say("meros tiny guest ends by itself\n");
    return End::reset;
  }
  if (!program_.hears) return std::nullopt;
  constexpr int lines_a_run = 32;
  for (int i = 0; program_.floods && i < lines_a_run; ++i)
    say(fmt::format("{:08x} the quick brown fox jumps over the lazy dog and hides.\n", lines_++));
  if (program_.says_ready && !program_.floods) say(received_);
  received_.clear();
  if (!key_pressed_) return std::nullopt;
  if (program_.says_ready) say("meros tiny guest stops\n");
  return End::reset;
}

}  // namespace meros::fake
