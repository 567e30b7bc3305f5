// A client of QEMU's machine protocol, over a connected stream socket. One thread, its own poll loop.
//
// The protocol: one JSON object a line. QEMU greets, the client negotiates with qmp_capabilities, then each command has
// one answer with the command's id; events come at any time between them (docs/interop/qmp-spec.txt of QEMU).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"

namespace meros::vmm::qemu {

struct QmpEvent {
  std::string name;  // "SHUTDOWN"
  Json data;         // an object, or null
};

// QEMU closed its end, or said that it ends and then fell silent: it has ended, or is about to.
class QmpClosed : public Error {
 public:
  QmpClosed() : Error("QEMU closed its monitor") {}
};

class Qmp {
 public:
  // Called at least every 50 ms while the client waits; may throw to give up.
  using Waiting = std::function<void()>;

  static constexpr std::size_t max_line = std::size_t{1} << 20;
  static constexpr std::size_t max_events = 1024;  // not taken yet; beyond it the oldest are lost

  explicit Qmp(Fd socket);

  // Reads the greeting and negotiates.
  void greet(Deadline deadline, const Waiting& waiting = {});
  // The answer's "return". Error "QEMU refused '<command>': <its words>"; QmpClosed; TimeoutError; Error where QEMU
  // does not speak the protocol, after which the client is of no more use.
  Json execute(std::string_view command, Json arguments, Deadline deadline, const Waiting& waiting = {});

  // Sends a command whose answer nobody waits for.
  void tell(std::string_view command, Deadline deadline);

  // What came since, read without waiting. A closed monitor is no error here: ended() tells.
  std::vector<QmpEvent> take_events();
  // Something was read that take_events() has not given yet: the socket will not show it.
  bool has_more() const { return !events_.empty() || !buffer_.empty(); }
  // It said that it ends, and then neither answered nor closed: it hangs.
  bool fell_silent() const { return silent_; }
  // Nothing more will come.
  bool ended() const { return closed_ || !broken_.empty(); }
  const Fd& socket() const { return socket_; }

 private:
  void send(const std::string& text, Deadline deadline, const Waiting& waiting);
  Json next_answer(Deadline deadline, const Waiting& waiting);
  // The next whole line that has come; nothing where none has.
  std::optional<Json> next_message();
  std::optional<std::string> next_line();
  void wait(short events, Deadline deadline, const Waiting& waiting);
  // Reads once, without waiting. False where nothing is there, or the other end is closed.
  bool read_some();
  void keep_event(const Json& message);
  [[noreturn]] void break_off(std::string why);

  Fd socket_;
  std::string buffer_;
  std::size_t scanned_ = 0;  // how much of buffer_ is known to hold no line end
  std::deque<QmpEvent> events_;
  std::uint64_t last_id_ = 0;
  bool closed_ = false;
  bool silent_ = false;
  std::optional<Deadline> closing_;  // set when QEMU has said that it ends: it answers or closes by then
  std::string broken_;               // why the peer is not to be understood any more
};

}  // namespace meros::vmm::qemu
