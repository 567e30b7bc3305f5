// The holder itself: the process behind holder.h.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/line_socket.h"
#include "base/lock.h"
#include "base/watch.h"
#include "network/live_network.h"

namespace meros::network {

struct HolderOptions {
  std::filesystem::path directory;  // also the working directory
  Rights rights = Rights::root;
  std::optional<Fd> taken_over;  // the namespace of a holder that was killed
};

class HolderServer {
 public:
  // Takes net.lock before anything else: BusyError where another holder has it.
  explicit HolderServer(HolderOptions options);

  // Until SIGTERM. `ready` is told once requests are answered.
  void run(Fd ready);

 private:
  struct Connection {
    Fd socket;
    LineReader reader;
    bool closed = false;
  };
  struct Request {
    Connection* from;
    std::string line;
  };
  // A TCP connection that is being made inside.
  struct Dial {
    Connection* from;
    Fd socket;
    Deadline deadline;
    std::string target;
    bool connected = false;
    int error = 0;
  };

  void go_on_from_record();
  void turn();
  void on_signal();
  void accept_client();
  void receive(Connection& connection);
  void answer_requests();
  void perform(Connection& client, const nlohmann::json& request);
  void apply(Connection& client, const nlohmann::json& request);
  void take_back(const NetworkSpec& failed, const std::optional<std::string>& former);
  void tell_status(Connection& client);
  void begin_dial(Connection& client, const nlohmann::json& request);
  void settle_dials();
  void forget_closed();
  void send(Connection& client, nlohmann::json answer, std::vector<int> descriptors = {});
  void refuse(Connection& client, const Error& error);

  Fd directory_;
  ProcessLock lock_;
  Fd signals_;
  LiveNetwork live_;
  Fd listener_;
  std::list<Connection> connections_;
  std::vector<Request> requests_;  // done between the turns: they change what is watched
  std::list<Dial> dials_;
  std::string record_problem_;
  bool stopping_ = false;
};

// The program: `arguments` after `--holder`. Returns the exit code.
int run_holder(const std::vector<std::string>& arguments);

}  // namespace meros::network
