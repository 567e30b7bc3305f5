#include "base/line_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"

namespace meros {

std::optional<std::string> LineReader::next_line() {
  const auto end = buffer_.find('\n');
  if (end == std::string::npos) {
    if (buffer_.size() > limit_)
      throw InvalidError("a line of more than " + std::to_string(limit_) + " bytes came over a socket");
    return std::nullopt;
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return line;
}

bool LineReader::fill(const Fd& from) {
  std::array<char, 16384> chunk{};
  const ssize_t n = ::read(from.get(), chunk.data(), chunk.size());
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  buffer_.append(chunk.data(), static_cast<std::size_t>(n));
  return n > 0;
}

std::optional<std::string> LineReader::read_line(const Fd& from, Deadline deadline) {
  for (;;) {
    if (auto line = next_line()) return line;
    if (wait_for(from, POLLIN, deadline.poll_timeout()) == 0) throw TimeoutError("no answer in time");
    if (!fill(from)) return std::nullopt;
  }
}

bool send_line(const Fd& to, std::string_view line) {
  std::string whole(line);
  whole += '\n';
  std::string_view rest = whole;
  while (!rest.empty()) {
    const ssize_t n = ::send(to.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace meros
