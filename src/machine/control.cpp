#include "machine/control.h"

#include "base/error.h"
#include "base/json.h"
#include "base/line_socket.h"
#include "base/unix_socket.h"
#include "machine/state.h"

namespace meros::machine {

Json ask_supervisor(const Fd& volume, const Json& request, Deadline deadline) {
  const auto socket = connect_unix(volume, names::control);
  if (!socket) throw Error("its supervisor does not answer");
  if (!send_line(*socket, request.dump())) throw Error("its supervisor went away");
  LineReader reader(max_control_line);
  const auto line = reader.read_line(*socket, deadline);
  if (!line) throw Error("its supervisor went away without an answer");
  Json answer = parse_json(*line, "the supervisor's answer");
  if (!get<bool>(answer, "ok")) throw error_from_json(get<Json>(answer, "error"));
  return answer;
}

std::optional<Fd> connect_console(const Fd& volume) { return connect_unix(volume, names::console); }

}  // namespace meros::machine
