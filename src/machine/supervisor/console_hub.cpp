#include "machine/supervisor/console_hub.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "base/unix_socket.h"
#include "machine/log_times.h"
#include "machine/state.h"

namespace meros::machine {
namespace {

constexpr std::size_t chunk_size = 64 * 1024;
constexpr mode_t log_mode = 0600;  // what a guest prints is its owner's only
// How fine times are kept, and how many of them.
constexpr std::int64_t least_between_times_ms = 10;
constexpr std::size_t times_limit = 8192 * log_time_size;

std::string end_of_log(const Fd& volume_directory) {
  std::string text = log_tail(proc_path(volume_directory) + "/" + names::console_log, ConsoleHub::scrollback);
  // From the beginning of a line, where it was cut.
  if (text.size() == ConsoleHub::scrollback) text.erase(0, text.find('\n') + 1);
  return text;
}

}  // namespace

ConsoleHub::ConsoleHub(const Fd& volume, std::size_t log_limit)
    : volume_(volume.get()),
      listener_(listen_unix(volume, names::console)),
      log_(volume, names::console_log, log_limit, log_mode),
      times_(volume, names::console_times, times_limit, log_mode) {
  set_nonblocking(listener_);
}

void ConsoleHub::attach(const Fd& console) { console_ = console.get(); }

void ConsoleHub::detach() {
  drain();
  console_ = -1;
  input_.clear();
}

void ConsoleHub::drain() {
  // Bounded: a guest that floods must not keep us here.
  for (int chunks = 0; chunks < 64 && read_guest(); ++chunks) {
  }
  for (auto& reader : readers_) flush(reader);
}

void ConsoleHub::watch(Watches& watches) {
  readers_.remove_if([](const Reader& reader) { return reader.closed; });
  watches.add(listener_.get(), POLLIN, [this](short) { accept_reader(); });
  if (console_ >= 0) {
    const auto wanted = static_cast<short>(input_.empty() ? POLLIN : POLLIN | POLLOUT);
    watches.add(console_, wanted, [this](short ready) {
      if ((ready & POLLOUT) != 0) write_guest();
      if ((ready & ~POLLOUT) != 0) read_guest();
    });
  }
  for (auto& reader : readers_) {
    short wanted = 0;
    if (!reader.input_ended && input_.size() < input_buffer) wanted |= POLLIN;
    if (!reader.pending.empty()) wanted |= POLLOUT;
    watches.add(reader.socket.get(), wanted, [this, &reader](short ready) {
      if ((ready & POLLIN) != 0) read_from(reader);
      if ((ready & POLLOUT) != 0) flush(reader);
      if ((ready & (POLLHUP | POLLERR)) != 0) reader.closed = true;
    });
  }
}

void ConsoleHub::accept_reader() {
  Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection) return;  // it went away before we looked, or we are out of descriptors: it may try again
  readers_.emplace_back(std::move(connection));
  const Fd again(::fcntl(volume_, F_DUPFD_CLOEXEC, 3));
  if (!again) throw_errno("cannot duplicate a descriptor");
  offer(readers_.back(), end_of_log(again));
  flush(readers_.back());
}

// Before what was written then, so that who reads the log finds its time.
void ConsoleHub::write_log(std::string_view bytes) {
  const auto note = [&](const LogPlace& place) {
    noted_at_ms_ = now_milliseconds();
    const auto record = encode({noted_at_ms_, place});
    times_.append({record.data(), record.size()});
  };
  const LogPlace before = log_.end();
  const std::int64_t now = now_milliseconds();
  // A clock that was set back counts, too.
  if (now < noted_at_ms_ || now - noted_at_ms_ >= least_between_times_ms) note(before);
  log_.append(bytes);
  if (log_.end().inode != before.inode) note({log_.end().inode, 0});
}

bool ConsoleHub::read_guest() {
  if (console_ < 0) return false;
  std::array<char, chunk_size> chunk;  // NOLINT: filled by read
  const ssize_t n = ::read(console_, chunk.data(), chunk.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (n <= 0) {  // EIO: a PTY whose other side is closed
    console_ = -1;
    return false;
  }
  const std::string_view bytes(chunk.data(), static_cast<std::size_t>(n));
  write_log(bytes);
  for (auto& reader : readers_) {
    offer(reader, bytes);
    flush(reader);
  }
  return true;
}

void ConsoleHub::write_guest() {
  const ssize_t n = ::write(console_, input_.data(), input_.size());
  if (n > 0) input_.erase(0, static_cast<std::size_t>(n));
}

void ConsoleHub::read_from(Reader& reader) {
  std::array<char, 4096> chunk;  // NOLINT: filled by recv
  const ssize_t n = ::recv(reader.socket.get(), chunk.data(), chunk.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n < 0) reader.closed = true;
  if (n == 0) reader.input_ended = true;  // it may go on reading
  if (n > 0 && console_ >= 0) input_.append(chunk.data(), static_cast<std::size_t>(n));
}

void ConsoleHub::offer(Reader& reader, std::string_view bytes) {
  if (reader.lost > 0 || reader.pending.size() + bytes.size() > reader_buffer)
    reader.lost += bytes.size();
  else
    reader.pending += bytes;
}

void ConsoleHub::flush(Reader& reader) {
  while (!reader.closed && !reader.pending.empty()) {
    const ssize_t n = ::send(reader.socket.get(), reader.pending.data(), reader.pending.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) {
      reader.closed = true;
      return;
    }
    reader.pending.erase(0, static_cast<std::size_t>(n));
    if (reader.pending.empty() && reader.lost > 0)
      reader.pending =
          fmt::format("\r\n[meros: {} bytes lost, this reader is too slow]\r\n", std::exchange(reader.lost, 0));
  }
}

}  // namespace meros::machine
