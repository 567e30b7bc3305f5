#include "base/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include "base/error.h"

namespace meros {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) reset(std::exchange(other.fd_, -1));
  return *this;
}

void Fd::reset(int fd) noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Fd Fd::duplicate() const {
  Fd copy(::fcntl(fd_, F_DUPFD_CLOEXEC, 3));
  if (!copy) throw_errno("cannot duplicate a descriptor");
  return copy;
}

Fd open_file(const std::string& path, int flags, unsigned mode) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) throw_errno("cannot open '" + path + "'");
  return fd;
}

Fd open_file_at(const Fd& directory, const std::string& path, int flags, unsigned mode) {
  Fd fd(::openat(directory.get(), path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) throw_errno("cannot open '" + path + "'");
  return fd;
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("cannot make a pipe");
  return {Fd(ends[0]), Fd(ends[1])};
}

SocketPair make_socket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw_errno("cannot make a socket pair");
  return {Fd(ends[0]), Fd(ends[1])};
}

void set_nonblocking(const Fd& fd) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) throw_errno("cannot set O_NONBLOCK");
}

std::string proc_path(const Fd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

void write_all(const Fd& fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd.get(), data.data(), data.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      throw_errno("cannot write");
    }
    data.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string read_all(const Fd& fd, std::size_t limit) {
  constexpr std::size_t first_piece = 4096;  // most of our files are smaller
  std::string all;
  for (std::size_t end = 0;;) {
    all.resize(end + std::max(first_piece, end));
    const ssize_t n = ::read(fd.get(), all.data() + end, all.size() - end);
    if (n < 0) {
      if (errno == EINTR) continue;
      throw_errno("cannot read");
    }
    end += static_cast<std::size_t>(n);
    if (end > limit) throw InvalidError("more than " + std::to_string(limit) + " bytes where less were expected");
    if (n > 0) continue;
    all.resize(end);
    return all;
  }
}

short wait_for(const Fd& fd, short events, int timeout_ms) {
  using clock = std::chrono::steady_clock;
  const auto end = clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    int left = -1;
    if (timeout_ms >= 0) {
      const auto rest = std::chrono::ceil<std::chrono::milliseconds>(end - clock::now()).count();
      left = rest > 0 ? static_cast<int>(rest) : 0;
    }
    pollfd one{fd.get(), events, 0};
    const int n = ::poll(&one, 1, left);
    if (n > 0) return one.revents;
    if (n == 0) return 0;
    if (errno != EINTR) throw_errno("cannot poll");
  }
}

}  // namespace meros
