#include "network/holder_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/descriptor_socket.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/unix_socket.h"
#include "network/holder_protocol.h"
#include "network/tap.h"

namespace meros::network {
namespace {

ProcessLock take_lock(const Fd& directory) {
  Fd file = open_file_at(directory, lock_name, O_RDWR | O_CREAT | O_NOFOLLOW, 0644);
  if (auto lock = ProcessLock::try_take(std::move(file))) return std::move(*lock);
  throw BusyError("the network has a holder already");
}

Fd block_signals() {
  sigset_t caught;
  sigemptyset(&caught);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&caught, signal);
  if (::sigprocmask(SIG_BLOCK, &caught, nullptr) != 0) throw_errno("cannot block signals");
  Fd signals(::signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) throw_errno("cannot make a signalfd");
  return signals;
}

// Each relayed connection takes two.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) throw_errno("cannot ask for the limit of descriptors");
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65536);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) throw_errno("cannot raise the limit of descriptors");
}

NetworkNamespace open_namespace(HolderOptions& options, const Names& names) {
  NetworkNamespace network =
      options.taken_over ? NetworkNamespace(std::move(*options.taken_over)) : NetworkNamespace::make();
  if (options.rights == Rights::root) give_name(network, names.network);
  return network;
}

// As init of a PID namespace we inherit what loses its parent. Our own are waited for by their owners.
void reap_strangers(const std::vector<pid_t>& own) {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    if (std::ranges::count(own, info.si_pid) != 0) return;
    ::waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WNOHANG);
  }
}

Json words(const std::vector<std::string>& lines) {
  Json list = Json::array();
  for (const auto& line : lines) list.push_back(line);
  return list;
}

std::string to_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

void remove_record(const Fd& directory) {
  if (::unlinkat(directory.get(), network_file, 0) != 0 && errno != ENOENT)
    throw_errno(std::string("cannot remove ") + network_file);
}

Fd dialling_socket(const NetworkNamespace& network, Ipv4 address, std::uint16_t port) {
  return network.run([&] {
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) throw_errno("cannot make a socket");
    sockaddr_in target{};
    target.sin_family = AF_INET;
    target.sin_addr.s_addr = htonl(address.value);
    target.sin_port = htons(port);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0 && errno != EINPROGRESS)
      throw Error(SystemError(fmt::format("cannot reach {}:{}", address.to_string(), port), errno).message());
    return socket;
  });
}

void set_blocking(const Fd& fd) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) throw_errno("cannot set a socket to block");
}

// Who started us may be gone: then there is nobody left to tell, and the exit status is all.
void tell(const Fd& ready, const Error& error) {
  if (ready) send_line(ready, to_line({{"ok", false}, {"error", to_json(error)}}));
}

HolderOptions parse_options(const std::vector<std::string>& arguments) {
  HolderOptions options;
  for (const auto& argument : arguments) {
    if (argument == user_namespace_option) {
      options.rights = Rights::user_namespace;
    } else if (argument == take_over_option) {
      options.taken_over = Fd(::fcntl(holder_namespace_descriptor, F_DUPFD_CLOEXEC, holder_namespace_descriptor + 1));
      ::close(holder_namespace_descriptor);
    } else if (options.directory.empty() && argument.starts_with('/')) {
      options.directory = argument;
    } else {
      throw UsageError("unknown argument '" + argument + "'");
    }
  }
  if (options.directory.empty()) throw UsageError("it is started by 'meros init'");
  return options;
}

}  // namespace

HolderServer::HolderServer(HolderOptions options)
    : directory_(open_file(".", O_RDONLY | O_DIRECTORY)),
      lock_(take_lock(directory_)),
      signals_(block_signals()),
      live_(names_of(options.directory), open_namespace(options, names_of(options.directory)), options.rights) {
  raise_descriptor_limit();
  go_on_from_record();
  listener_ = listen_unix(directory_, socket_name);
  set_nonblocking(listener_);
}

// A holder before us was killed, or the host was started anew: what the network shall be is on the disk. Whoever
// started us applies it (or another one) again and hears the error.
void HolderServer::go_on_from_record() {
  try {
    if (const auto text = read_file_if_exists(network_file, max_request)) live_.apply(parse_network_spec(*text));
  } catch (const Error& e) {
    record_problem_ = e.message();
  }
}

void HolderServer::run(Fd ready) {
  send_line(ready, to_line({{"ok", true}}));
  ready.reset();
  while (!stopping_) turn();
  ::unlinkat(directory_.get(), socket_name, 0);
}

void HolderServer::turn() {
  Watches watches;
  watches.add(signals_.get(), POLLIN, [this](short) { on_signal(); });
  watches.add(listener_.get(), POLLIN, [this](short) { accept_client(); });
  for (auto& connection : connections_)
    watches.add(connection.socket.get(), POLLIN, [this, &connection](short) { receive(connection); });
  Deadline next = live_.next_deadline();
  for (auto& dial : dials_) {
    watches.add(dial.socket.get(), POLLOUT, [&dial](short) {
      socklen_t size = sizeof dial.error;
      ::getsockopt(dial.socket.get(), SOL_SOCKET, SO_ERROR, &dial.error, &size);
      dial.connected = dial.error == 0;
    });
    if (dial.deadline.at() < next.at()) next = dial.deadline;
  }
  live_.watch(watches);
  watches.turn(next);
  live_.tend();
  answer_requests();
  settle_dials();
  forget_closed();
}

void HolderServer::on_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
    if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) stopping_ = true;
  reap_strangers(live_.children());
}

void HolderServer::accept_client() {
  Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket) return;
  // Under sudo the socket belongs to the caller, who must not have root's rights by it. In a user namespace root cannot
  // be told from strangers, but these cannot open the socket. Closing it is the answer.
  const uid_t peer = peer_of(socket).uid;
  if (live_.rights() == Rights::root && peer != ::geteuid()) return;
  connections_.push_back({std::move(socket), LineReader(max_request)});
}

void HolderServer::receive(Connection& connection) {
  try {
    if (!connection.reader.fill(connection.socket)) connection.closed = true;
    while (auto line = connection.reader.next_line()) requests_.push_back({&connection, std::move(*line)});
  } catch (const Error& e) {
    refuse(connection, e);
    connection.closed = true;
  }
}

void HolderServer::answer_requests() {
  const auto requests = std::exchange(requests_, {});
  for (const auto& request : requests) {
    if (request.from->closed) continue;
    try {
      perform(*request.from, parse_json(request.line, "the request"));
    } catch (const Error& e) {
      refuse(*request.from, e);
    } catch (const std::exception& e) {
      refuse(*request.from, Error(e.what()));
    }
  }
}

void HolderServer::perform(Connection& client, const Json& request) {
  const auto op = get<std::string>(request, "op");
  if (op == "apply") return apply(client, request);
  if (op == "status") return tell_status(client);
  if (op == "dial") return begin_dial(client, request);
  if (op == "namespaces") {
    const Fd& network = live_.network().fd();
    if (live_.rights() == Rights::root) return send(client, {}, {network.get()});
    const Fd user = user_namespace_of(network);
    return send(client, {}, {network.get(), user.get()});
  }
  if (op == "open_tap") {
    const auto name = get<std::string>(request, "name");
    const Fd tap = live_.network().run([&] { return network::open_tap(name); });
    return send(client, {}, {tap.get()});
  }
  throw InvalidError("the holder does not know '" + op + "'",
                     "it is of another version of meros: shut down and init anew");
}

// Written before it is applied, so that any verb can go on from there; on an error the former one is put back, and
// applied again as far as that goes.
void HolderServer::apply(Connection& client, const Json& request) {
  const auto text = get<Json>(request, "spec").dump(2);
  const NetworkSpec spec = parse_network_spec(text);
  const auto former = read_file_if_exists(network_file, max_request);
  replace_file(network_file, text + "\n");
  try {
    const auto warnings = live_.apply(spec);
    record_problem_.clear();
    send(client, {{"warnings", words(warnings)}});
  } catch (const Error& e) {
    take_back(spec, former);
    refuse(client, e);
  }
}

void HolderServer::take_back(const NetworkSpec& failed, const std::optional<std::string>& former) {
  NetworkSpec before;
  before.constellation = failed.constellation;
  before.uplink = Uplink::none;
  if (former)
    replace_file(network_file, *former);
  else
    remove_record(directory_);
  try {
    if (former) before = parse_network_spec(*former);
    live_.apply(before);
  } catch (const Error& e) {
    record_problem_ = std::string("the former network could not be put back: ") + e.message();
  }
}

void HolderServer::tell_status(Connection& client) {
  auto problems = live_.problems();
  if (!record_problem_.empty()) problems.push_back(record_problem_);
  const bool root = live_.rights() == Rights::root;
  send(client, {{"uplink", to_string(live_.uplink())},
                {"namespace", root ? live_.names().network : ""},
                {"inode", live_.network().inode()},
                {"problems", words(problems)}});
}

void HolderServer::begin_dial(Connection& client, const Json& request) {
  const Ipv4 address = parse_ipv4(get<std::string>(request, "address"), "address");
  const auto port = get<std::uint16_t>(request, "port");
  const auto timeout = std::chrono::milliseconds(get<std::uint32_t>(request, "timeout_ms"));
  dials_.push_back({&client, dialling_socket(live_.network(), address, port), Deadline::after(timeout),
                    fmt::format("{}:{}", address.to_string(), port)});
}

void HolderServer::settle_dials() {
  for (auto& dial : dials_) {
    if (dial.connected) {
      set_blocking(dial.socket);
      send(*dial.from, {}, {dial.socket.get()});
    } else if (dial.error != 0) {
      refuse(*dial.from, SystemError("cannot reach " + dial.target, dial.error));
    } else if (dial.deadline.passed()) {
      dial.error = ETIMEDOUT;
      refuse(*dial.from, TimeoutError("cannot reach " + dial.target + " in time"));
    }
  }
  dials_.remove_if([](const Dial& dial) { return dial.connected || dial.error != 0 || dial.from->closed; });
}

void HolderServer::forget_closed() {
  std::erase_if(requests_, [](const Request& request) { return request.from->closed; });
  connections_.remove_if([](const Connection& connection) { return connection.closed; });
}

void HolderServer::send(Connection& client, Json answer, std::vector<int> descriptors) {
  answer["ok"] = true;
  if (!send_line_with(client.socket, to_line(answer), descriptors)) client.closed = true;
}

void HolderServer::refuse(Connection& client, const Error& error) {
  if (!send_line(client.socket, to_line({{"ok", false}, {"error", to_json(error)}}))) client.closed = true;
}

int run_holder(const std::vector<std::string>& arguments) {
  Fd ready(::fcntl(holder_ready_descriptor, F_DUPFD_CLOEXEC, holder_namespace_descriptor + 1));
  try {
    HolderOptions options = parse_options(arguments);
    ::close(holder_ready_descriptor);
    HolderServer server(std::move(options));
    server.run(std::exchange(ready, {}));
    return static_cast<int>(ExitCode::done);
  } catch (const Error& e) {
    tell(ready, e);
    return static_cast<int>(e.exit_code());
  } catch (const std::exception& e) {
    tell(ready, Error(e.what()));
    return static_cast<int>(ExitCode::failed);
  }
}

}  // namespace meros::network
