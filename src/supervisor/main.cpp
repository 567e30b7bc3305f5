// meros-supervisor VOLUME --accel kvm|tcg --binary VMM [--own-mounts] [--as-caller]
// meros-supervisor --holder DIRECTORY [--in-user-namespace] [--take-over]
//
// The first is the parent of a machine's VMM. The second is the holder of a constellation's network
// (network/holder.h).
//
// Started by `meros start` and `meros supervise`, never by hand: the working directory is the volume, descriptor 3 is a
// socket to the verb that wants the start.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

#include "base/error.h"
#include "base/json.h"
#include "base/line_socket.h"
#include "machine/supervisor/supervisor.h"
#include "network/holder_protocol.h"
#include "network/holder_server.h"
#include "vmm/host.h"

namespace {

constexpr int ready_descriptor = 3;

meros::machine::SupervisorOptions parse(int argc, char** argv) {
  if (argc < 2 || argv[1][0] != '/') throw meros::UsageError("it is started by 'meros start'");
  meros::machine::SupervisorOptions options;
  options.volume = argv[1];
  for (int i = 2; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--own-mounts")
      options.own_mounts = true;
    else if (word == "--as-caller")
      options.as_caller = true;
    else if (word == "--accel" && i + 1 < argc)
      options.accel = std::string_view(argv[++i]) == "kvm" ? meros::vmm::Accel::kvm : meros::vmm::Accel::tcg;
    else if (word == "--binary" && i + 1 < argc)
      options.binary = argv[++i];
    else
      throw meros::UsageError("unknown argument '" + std::string(word) + "'");
  }
  return options;
}

void tell(const meros::Fd& ready, const meros::Error& error) {
  const meros::Json answer = {{"ok", false}, {"error", meros::to_json(error)}};
  if (ready)
    meros::send_line(ready, answer.dump(-1, ' ', false, meros::Json::error_handler_t::replace));
  else
    std::fprintf(stderr, "meros-supervisor: %s\n", error.what());
}

int supervise(int argc, char** argv) {
  meros::Fd ready(::fcntl(ready_descriptor, F_DUPFD_CLOEXEC, ready_descriptor + 1));
  ::close(ready_descriptor);
  try {
    return meros::machine::Supervisor(parse(argc, argv), ready).run().shell_code();
  } catch (const meros::Error& e) {
    tell(ready, e);
    return static_cast<int>(e.exit_code());
  } catch (const std::exception& e) {
    tell(ready, meros::Error(e.what()));
    return static_cast<int>(meros::ExitCode::failed);
  }
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  if (argc > 1 && std::string_view(argv[1]) == meros::network::holder_option)
    return meros::network::run_holder({argv + 2, argv + argc});
  return supervise(argc, argv);
}
