#include "base/descriptor_socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/line_socket.h"

namespace meros {
namespace {

constexpr std::size_t control_size = CMSG_SPACE(max_passed_descriptors * sizeof(int));

struct alignas(cmsghdr) Control {
  std::array<char, control_size> bytes{};
};

void take_descriptors(msghdr& message, std::vector<Fd>& descriptors) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::vector<int> numbers(count);
    std::memcpy(numbers.data(), CMSG_DATA(header), count * sizeof(int));
    for (const int number : numbers) descriptors.emplace_back(number);
  }
}

}  // namespace

bool send_line_with(const Fd& to, std::string_view line, std::span<const int> descriptors) {
  if (descriptors.empty()) return send_line(to, line);
  if (descriptors.size() > max_passed_descriptors) throw Error("too many descriptors for one message");
  // They travel with the first byte: what is left of the line follows without them.
  std::string whole(line);
  whole += '\n';
  iovec part{whole.data(), 1};
  Control control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  ssize_t n = 0;
  do n = ::sendmsg(to.get(), &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n != 1) return false;
  return whole.size() == 1 || send_line(to, line.substr(1));
}

std::optional<LineWithDescriptors> read_line_with(const Fd& from, std::size_t limit, Deadline deadline) {
  LineWithDescriptors result;
  for (;;) {
    if (wait_for(from, POLLIN, deadline.poll_timeout()) == 0) throw TimeoutError("no answer in time");
    std::array<char, 16384> chunk{};
    iovec part{chunk.data(), chunk.size()};
    Control control;
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    const ssize_t n = ::recvmsg(from.get(), &message, MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return std::nullopt;
    take_descriptors(message, result.descriptors);
    result.line.append(chunk.data(), static_cast<std::size_t>(n));
    const auto end = result.line.find('\n');
    if (end != std::string::npos) {
      if (end + 1 != result.line.size()) throw InvalidError("more than one answer came over a socket");
      result.line.resize(end);
      return result;
    }
    if (result.line.size() > limit)
      throw InvalidError("a line of more than " + std::to_string(limit) + " bytes came over a socket");
  }
}

}  // namespace meros
