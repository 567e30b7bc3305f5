// What the holder and the verbs agree on. Requests and answers are JSON objects, a line each, on net.sock; an answer
// has "ok", and with false an "error" (base/json.h).
//
//   {"op": "apply", "spec": …}                         {"warnings": [..]}
//   {"op": "status"}                                   {"pid", "uplink", "namespace", "inode", "problems"}
//   {"op": "namespaces"}                               descriptors: network[, user]
//   {"op": "open_tap", "name"}                         descriptor: the TAP
//   {"op": "dial", "address", "port", "timeout_ms"}    descriptor: the connected socket
#pragma once

#include <cstddef>

namespace meros::network {

constexpr auto network_file = "network.json";
constexpr auto lock_name = "net.lock";
constexpr auto socket_name = "net.sock";

// A constellation of 5,000 machines is about 1 MiB of JSON.
constexpr std::size_t max_request = std::size_t{16} << 20;
constexpr std::size_t max_answer = std::size_t{1} << 20;

// How the holder is started: `meros-supervisor --holder DIRECTORY [--in-user-namespace] [--take-over]`, with the
// directory as its working directory.
constexpr auto holder_option = "--holder";
constexpr auto user_namespace_option = "--in-user-namespace";
constexpr auto take_over_option = "--take-over";
constexpr int holder_ready_descriptor = 3;      // a socket: one line, {"ok": true} or the error
constexpr int holder_namespace_descriptor = 4;  // with --take-over: the network namespace

}  // namespace meros::network
