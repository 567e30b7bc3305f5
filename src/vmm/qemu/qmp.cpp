#include "vmm/qemu/qmp.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "base/bounded_log.h"

namespace meros::vmm::qemu {
namespace {

using namespace std::chrono_literals;

constexpr auto longest_wait = 50ms;
// From the SHUTDOWN event to an answer, or to the end of the monitor. QEMU 7.2 can hang between the two where it is
// ended by a signal just when a command of ours comes (monitor_cleanup() waits for the command, but does not run it).
constexpr auto time_to_close = 1s;

// A few of QEMU's words for a message of ours: one line of ASCII, for it may be cut anywhere.
std::string excerpt(std::string_view text) {
  constexpr std::size_t most = 80;
  std::string shown;
  for (const char c : text.substr(0, most)) shown += c >= 0x20 && c < 0x7f ? c : '?';
  return text.size() > most ? shown + "..." : shown;
}

bool has(const Json& object, const char* key) { return object.find(key) != object.end(); }

// The number that `key` holds, or 0, which is no id of ours.
std::uint64_t number_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string text_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::string words_of(const Json& error) {
  for (const char* key : {"desc", "class"})
    if (auto words = last_lines(text_in(error, key), 1); !words.empty()) return words;
  return "it does not say why";
}

}  // namespace

Qmp::Qmp(Fd socket) : socket_(std::move(socket)) { set_nonblocking(socket_); }

void Qmp::greet(Deadline deadline, const Waiting& waiting) {
  const Json greeting = next_answer(deadline, waiting);
  if (!has(greeting, "QMP")) break_off("QEMU did not greet, but said: " + excerpt(greeting.dump()));
  execute("qmp_capabilities", nullptr, deadline, waiting);
}

Json Qmp::execute(std::string_view command, Json arguments, Deadline deadline, const Waiting& waiting) {
  Json request = {{"execute", command}, {"id", ++last_id_}};
  if (!arguments.is_null()) request["arguments"] = std::move(arguments);
  send(request.dump() + "\n", deadline, waiting);
  for (;;) {
    Json answer = next_answer(deadline, waiting);
    // QEMU leaves the id out where it could not even parse the command: that is an answer to ours.
    const auto id = has(answer, "id") || !has(answer, "error") ? number_in(answer, "id") : last_id_;
    // An earlier one was given up after its time, and is answered only now.
    if (id != 0 && id < last_id_) continue;
    if (id != last_id_) break_off("QEMU answered a command that was not given: " + excerpt(answer.dump()));
    if (has(answer, "error")) throw Error(fmt::format("QEMU refused '{}': {}", command, words_of(answer["error"])));
    if (!has(answer, "return")) break_off("QEMU's answer is neither a result nor an error: " + excerpt(answer.dump()));
    return std::move(answer["return"]);
  }
}

void Qmp::tell(std::string_view command, Deadline deadline) {
  send(Json{{"execute", command}, {"id", ++last_id_}}.dump() + "\n", deadline, {});
}

std::vector<QmpEvent> Qmp::take_events() {
  while (broken_.empty()) {
    while (const auto message = next_message())
      // An answer here is one to a command that was given up after its time.
      if (has(*message, "event")) keep_event(*message);
    if (!read_some()) break;
  }
  std::vector<QmpEvent> all(std::make_move_iterator(events_.begin()), std::make_move_iterator(events_.end()));
  events_.clear();
  return all;
}

void Qmp::send(const std::string& text, Deadline deadline, const Waiting& waiting) {
  if (!broken_.empty()) throw Error(broken_);
  // Where this is given up half way, whatever would follow could not be understood.
  broken_ = "a command to QEMU's monitor was cut short";
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t n = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      wait(POLLOUT, deadline, waiting);
    } else if (errno == EPIPE || errno == ECONNRESET) {
      // What it said before it closed (a SHUTDOWN event, say) is still to be read.
      break;
    } else if (errno != EINTR) {
      throw_errno("cannot write to QEMU's monitor");
    }
  }
  broken_.clear();
}

Json Qmp::next_answer(Deadline deadline, const Waiting& waiting) {
  if (!broken_.empty()) throw Error(broken_);
  for (;;) {
    while (auto message = next_message()) {
      if (!has(*message, "event")) return std::move(*message);
      keep_event(*message);
    }
    if (read_some()) continue;
    if (closed_) throw QmpClosed();
    wait(POLLIN, deadline, waiting);
  }
}

std::optional<Json> Qmp::next_message() {
  const auto line = next_line();
  if (!line) return std::nullopt;
  Json message = Json::parse(*line, nullptr, false);
  if (!message.is_object()) break_off("QEMU's monitor sent what is not QMP: " + excerpt(*line));
  return message;
}

std::optional<std::string> Qmp::next_line() {
  const auto end = buffer_.find('\n', scanned_);
  if (end == std::string::npos) {
    scanned_ = buffer_.size();
    if (buffer_.size() > max_line) break_off("QEMU's monitor sent a line of more than 1 MiB");
    return std::nullopt;
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  scanned_ = 0;
  return line;
}

void Qmp::wait(short events, Deadline deadline, const Waiting& waiting) {
  if (waiting) waiting();
  if (closing_ && closing_->passed()) {
    closed_ = silent_ = true;
    throw QmpClosed();
  }
  if (deadline.passed()) throw TimeoutError("QEMU's monitor did not answer in time");
  wait_for(socket_, events, deadline.at_most(longest_wait).poll_timeout());
}

bool Qmp::read_some() {
  std::array<char, 16384> chunk{};
  for (;;) {
    const ssize_t n = ::recv(socket_.get(), chunk.data(), chunk.size(), 0);
    if (n > 0) {
      buffer_.append(chunk.data(), static_cast<std::size_t>(n));
      return true;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return false;
    if (n < 0 && errno != ECONNRESET) throw_errno("cannot read from QEMU's monitor");
    closed_ = true;
    return false;
  }
}

void Qmp::keep_event(const Json& message) {
  std::string name = text_in(message, "event");
  if (name.empty()) break_off("QEMU's monitor sent an event without a name");
  if (name == "SHUTDOWN" && !closing_) closing_ = Deadline::after(time_to_close);
  if (events_.size() >= max_events) events_.pop_front();
  const auto data = message.find("data");
  events_.push_back({std::move(name), data == message.end() ? Json() : *data});
}

void Qmp::break_off(std::string why) {
  broken_ = std::move(why);
  throw Error(broken_);
}

}  // namespace meros::vmm::qemu
