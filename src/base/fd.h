// An owned file descriptor, and the few system calls everybody needs with it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace meros {

// Owns one descriptor; closes it at the end of its life. -1 owns nothing.
class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept;
  // A second descriptor of the same open file description, close-on-exec. Throws SystemError.
  Fd duplicate() const;

 private:
  int fd_ = -1;
};

struct Pipe {
  Fd read_end;
  Fd write_end;
};
struct SocketPair {
  Fd ours;
  Fd theirs;
};

// open(2) with O_CLOEXEC added. Throws SystemError "cannot open '<path>'".
Fd open_file(const std::string& path, int flags, unsigned mode = 0600);
// The same relative to a directory.
Fd open_file_at(const Fd& directory, const std::string& path, int flags, unsigned mode = 0600);
Pipe make_pipe();                    // both ends close-on-exec
SocketPair make_socket_pair();       // AF_UNIX, SOCK_STREAM, close-on-exec
void set_nonblocking(const Fd& fd);  // throws SystemError

// "/proc/self/fd/N": a path to the open file itself, whatever its name now is and however long it was.
std::string proc_path(const Fd& fd);

// Writes all of `data`, going on after EINTR and short writes. Throws SystemError.
void write_all(const Fd& fd, std::string_view data);
// Reads to the end of the file, at most `limit` bytes; more is an InvalidError.
std::string read_all(const Fd& fd, std::size_t limit = std::size_t{64} << 20);

// poll(2) on one descriptor until `events` or an error or hang-up shows, or the time is over. Returns revents, 0 after
// the time. timeout_ms < 0 waits for ever. EINTR is waited through.
short wait_for(const Fd& fd, short events, int timeout_ms);

}  // namespace meros
