// control.sock: how the verbs speak to a supervisor. One JSON object a line, one answer a request:
//   {"op": "stop", "timeout_ms": 30000, "force": false}  ->  {"ok": true, "how": "ctrl-alt-del"}   (when the VMM has
//   ended)
//   {"op": "pause"} {"op": "resume"} {"op": "query"}     ->  {"ok": true, …}
//   any failure                                          ->  {"ok": false, "error": {"message", "hint", "code"}}
//
// console.sock: raw bytes of the guest's serial line both ways. On connect the end of console.log comes first. A reader
// that is too slow loses bytes and is told with a line of its own.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/deadline.h"
#include "base/fd.h"

namespace meros::machine {

constexpr std::size_t max_control_line = std::size_t{64} * 1024;
// The line that a supervisor writes to the verb that starts it, once: {"ok": true, …} or {"ok": false, "error": {…}}.
constexpr std::size_t max_ready_line = std::size_t{64} * 1024;

// Sends the request and waits for the answer; throws the error that the answer holds. Error when the supervisor goes
// away without one, TimeoutError after the deadline.
nlohmann::json ask_supervisor(const Fd& volume, const nlohmann::json& request, Deadline deadline);

// A connection to the console of a running machine; nothing when it does not run.
std::optional<Fd> connect_console(const Fd& volume);

}  // namespace meros::machine
