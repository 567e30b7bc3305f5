#include "network/relay_stream.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace meros::network {
namespace {

using namespace std::chrono_literals;

constexpr auto time_to_connect = 10s;
constexpr std::size_t most_waiting = std::size_t{64} << 10;

// A peer that vanished without a word must not hold its place for ever.
void keep_alive(const Fd& socket) {
  const int on = 1;
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) != 0) throw_errno("cannot set keep-alive");
}

socklen_t length_of(const sockaddr_storage& address) {
  return address.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

}  // namespace

Stream::Stream(Fd client, std::vector<sockaddr_storage> targets, Service service)
    : client_(std::move(client)),
      targets_(std::move(targets)),
      service_(std::move(service)),
      give_up_(Deadline::after(time_to_connect)) {
  set_nonblocking(client_);
  keep_alive(client_);
  connect_next();
}

void Stream::connect_next() {
  while (next_target_ < targets_.size()) {
    const sockaddr_storage& target = targets_[next_target_++];
    host_ = Fd(::socket(target.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!host_) continue;
    keep_alive(host_);
    if (::connect(host_.get(), reinterpret_cast<const sockaddr*>(&target), length_of(target)) == 0) {
      connected_ = true;
      return;
    }
    if (errno == EINPROGRESS) return;
  }
  ended_ = true;
}

void Stream::on_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(host_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) return connect_next();
  connected_ = true;
}

void Stream::expire() {
  if (!connected_ && give_up_.passed()) ended_ = true;
}

void Stream::watch(Watches& watches) {
  if (ended_) return;
  if (!connected_) {
    watches.add(host_.get(), POLLOUT, [this](short) { on_connected(); });
    watches.add(client_.get(), 0, [this](short) { ended_ = true; });
    return;
  }
  watch_socket(watches, client_, to_host_, to_client_);
  watch_socket(watches, host_, to_client_, to_host_);
}

void Stream::watch_socket(Watches& watches, const Fd& socket, Half& from_it, Half& to_it) {
  short events = 0;
  if (!from_it.finished && from_it.waiting.size() < most_waiting) events |= POLLIN;
  if (!to_it.waiting.empty()) events |= POLLOUT;
  // Both ways shut: nothing but the other socket can bring news.
  if (events == 0 && from_it.finished && to_it.shut) return;
  watches.add(socket.get(), events,
              [this, &socket, &from_it, &to_it](short ready) { on_event(socket, from_it, to_it, ready); });
}

void Stream::on_event(const Fd& socket, Half& from_it, Half& to_it, short events) {
  if (ended_) return;
  if ((events & POLLOUT) != 0) write_to(socket, to_it);
  if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && !from_it.finished && from_it.waiting.size() < most_waiting)
    read_from(socket, from_it);
  // Nobody will read what waits for it.
  if ((events & POLLERR) != 0) ended_ = true;
  pass_on();
}

void Stream::read_from(const Fd& from, Half& half) {
  std::array<char, most_waiting> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): read fills it
  const ssize_t n = ::read(from.get(), chunk.data(), most_waiting - half.waiting.size());
  if (n > 0) half.waiting.append(chunk.data(), static_cast<std::size_t>(n));
  if (n == 0) half.finished = true;
  if (n < 0 && errno != EAGAIN && errno != EINTR) ended_ = true;
}

void Stream::write_to(const Fd& to, Half& half) {
  if (!half.waiting.empty()) {
    const ssize_t n = ::send(to.get(), half.waiting.data(), half.waiting.size(), MSG_NOSIGNAL);
    if (n > 0) half.waiting.erase(0, static_cast<std::size_t>(n));
    if (n < 0 && errno != EAGAIN && errno != EINTR) ended_ = true;
  }
  if (half.finished && half.waiting.empty() && !half.shut) {
    ::shutdown(to.get(), SHUT_WR);  // ENOTCONN: it went away, which the next read tells
    half.shut = true;
  }
}

// What came in goes out at once where there is room.
void Stream::pass_on() {
  if (ended_) return;
  write_to(host_, to_host_);
  write_to(client_, to_client_);
  if (to_host_.shut && to_client_.shut) ended_ = true;
}

}  // namespace meros::network
