#include "image/worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/child.h"
#include "base/json.h"
#include "base/line_socket.h"
#include "base/watch.h"
#include "image/memory_file.h"
#include "image/room.h"
#include "image/stages.h"
#include "image/user_namespace.h"
#include "image/worker_environment.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

constexpr auto own_program = "/proc/self/exe";
constexpr std::size_t longest_line = std::size_t{1} << 20;
// The worker's descriptors.
constexpr int request_fd = 3;
constexpr int status_fd = 4;

Json read_request() { return parse_json(read_all(Fd(request_fd)), "the worker's request"); }

void remove_trees(const Json& trees) {
  for (const auto& tree : trees) fs::remove_all(tree.get<std::string>());
}

// The child that does the work.
int work() {
  const Json request = read_request();
  const Fd status(status_fd);
  try {
    send_line(status,
              Json{{"result", run_stage(get<std::string>(request, "stage"), get<Json>(request, "inputs"))}}.dump());
    return 0;
  } catch (const Error& e) {
    send_line(status, Json{{"error", to_json(e)}}.dump());
  } catch (const std::exception& e) {
    send_line(status, Json{{"error", to_json(Error(e.what()))}}.dump());
  }
  return 1;
}

Child start_work(const Json& request) {
  const Fd file = memory_file(request.dump());
  Command command;
  command.argv = {own_program, worker_argument, "work"};
  // Its mounts go with it, so that what is removed afterwards has none below it.
  command.namespaces = CLONE_NEWNS;
  command.pass(1, 1);
  command.pass(2, 2);
  command.pass(file.get(), request_fd);
  command.pass(status_fd, status_fd);
  return spawn(command);
}

// Orphans of the namespace become ours.
void reap_all() {
  while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
}

// Init of the PID namespace.
int keep_house(const Json& request, const Fd& verb) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    if (errno == EPERM || errno == EACCES)
      throw HostError("this host gives no privileges in the user namespaces that a user makes",
                      "'meros doctor' tells what forbids them; root can build without");
    throw_errno("cannot make mounts private");
  }
  remove_trees(get<Json>(request, "unfinished"));
  int code = 1;
  {
    Child child = start_work(request);
    bool abandoned = false;
    while (child.running() && !abandoned) {
      Watches watches;
      watches.add(child.pidfd().get(), POLLIN, [&](short) { code = child.wait().shell_code(); });
      watches.add(verb.get(), POLLRDHUP, [&](short) { abandoned = true; });
      watches.turn(Deadline::never());
    }
    ::kill(-1, SIGKILL);  // everybody in the namespace but us
  }
  reap_all();
  remove_trees(get<Json>(request, "unfinished"));
  if (code != 0) remove_trees(get<Json>(request, "results"));
  return code;
}

int keep_house() {
  const Fd verb(status_fd);
  try {
    return keep_house(read_request(), verb);
  } catch (const Error& e) {
    send_line(verb, Json{{"error", to_json(e)}}.dump());
  } catch (const std::exception& e) {
    send_line(verb, Json{{"error", to_json(Error(e.what()))}}.dump());
  }
  return 1;
}

Json answer_of(LineReader& reader, const Fd& socket) {
  const auto line = reader.read_line(socket, Deadline::never());
  if (!line) throw Error("the process that builds was killed");
  const Json answer = parse_json(*line, "the worker's answer");
  if (answer.contains("error")) throw error_from_json(answer.at("error"));
  return answer.at("result");
}

}  // namespace

Workshop::Workshop() : user_namespace_(make_user_namespace()) {}

Json Workshop::run(const Job& job) const {
  const Fd request = memory_file(Json{
      {"stage", job.stage},
      {"inputs", job.inputs},
      {"unfinished", paths_json(job.unfinished)},
      {"results",
       paths_json(job.results)}}.dump());
  SocketPair status = make_socket_pair();
  Command command;
  command.argv = {own_program, worker_argument, "house"};
  command.clean_environment = true;
  command.environment = worker_environment();
  command.namespaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
  if (user_namespace_) command.user_namespace = user_namespace_->get();
  command.new_session = true;  // an interrupt from the terminal is for the verb; we see it go
  command.pass(job.log.get(), 1);
  command.pass(job.log.get(), 2);
  command.pass(request.get(), request_fd);
  command.pass(status.theirs.get(), status_fd);
  Child child = spawn(command);
  status.theirs.reset();
  LineReader reader(longest_line);
  // Until it has removed what is unfinished, the caller must not begin anew; so an error waits for its end too.
  std::optional<Error> error;
  Json result;
  try {
    result = answer_of(reader, status.ours);
  } catch (const Error& e) {
    error = e;
  }
  child.wait();
  if (error) throw Error(*error);
  return result;
}

void Workshop::remove(const std::vector<fs::path>& trees) const {
  const Fd null = open_file("/dev/null", O_WRONLY);
  const Json nothing = Json::object();
  run({"remove", nothing, trees, {}, null});
}

int run_worker(const std::vector<std::string>& arguments) {
  if (arguments.size() != 1) return static_cast<int>(ExitCode::usage);
  if (arguments[0] == "house") return keep_house();
  if (arguments[0] == "work") return work();
  if (arguments[0] == "room") return live_in_room();
  return static_cast<int>(ExitCode::usage);
}

}  // namespace meros::image
