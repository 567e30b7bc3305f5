#include "machine/supervisor/control_server.h"

#include <sys/socket.h>

#include "base/json.h"
#include "base/unix_socket.h"
#include "machine/control.h"
#include "machine/state.h"

namespace meros::machine {

ControlServer::ControlServer(const Fd& volume, Handler handler)
    : listener_(listen_unix(volume, names::control)), handler_(std::move(handler)) {
  set_nonblocking(listener_);
}

void ControlServer::watch(Watches& watches) {
  connections_.remove_if([](const Connection& connection) { return connection.closed; });
  watches.add(listener_.get(), POLLIN, [this](short) { accept_client(); });
  for (auto& connection : connections_)
    watches.add(connection.socket.get(), POLLIN, [this, &connection](short) { serve(connection); });
}

void ControlServer::accept_client() {
  Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (socket) connections_.push_back({++last_number_, std::move(socket), LineReader(max_control_line)});
}

void ControlServer::serve(Connection& connection) {
  if (!connection.reader.fill(connection.socket)) {
    connection.closed = true;
    return;
  }
  try {
    while (const auto line = connection.reader.next_line())
      handler_(connection.number, parse_json(*line, "the request"));
  } catch (const Error& e) {
    refuse(connection.number, e);
    connection.closed = true;
  }
}

void ControlServer::answer(std::uint64_t client, const Json& answer) {
  for (auto& connection : connections_)
    if (connection.number == client && !connection.closed)
      connection.closed = !send_line(connection.socket, answer.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void ControlServer::refuse(std::uint64_t client, const Error& error) {
  answer(client, {{"ok", false}, {"error", to_json(error)}});
}

}  // namespace meros::machine
