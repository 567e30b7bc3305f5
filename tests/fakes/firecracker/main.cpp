// A stand-in for Firecracker: its command line, its API with the rules and words of the real one, its log and its way
// to end, and of the guest what the tests' own guests show on their serial line. No KVM, and next to no memory.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "fakes/firecracker/api.h"
#include "fakes/firecracker/arguments.h"
#include "fakes/firecracker/fault.h"
#include "fakes/firecracker/guest.h"
#include "fakes/firecracker/http.h"
#include "fakes/firecracker/log.h"
#include "fakes/firecracker/version.h"

namespace meros::fake {
namespace {

// FcExitCode of the real one's sources.
enum Exit { ok = 0, generic_error = 1, unexpected_error = 2, bad_configuration = 152, hang_up = 156, arguments = 153 };

// The end of the process, with what the real one logs and prints of it.
struct Ending {
  Exit code;
  std::string message;  // for the log
  std::string debug;    // for stderr
};

// A panic: the text is logged, and the process aborts.
struct Panic {
  std::string message;
};

constexpr std::size_t default_max_body = 51'200;

Level parse_level(const std::string& text) {
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  if (lower == "error" || lower == "off") return Level::error;
  if (lower == "warn" || lower == "warning") return Level::warning;
  if (lower == "info" || lower == "debug" || lower == "trace") return Level::info;
  throw Ending{
      bad_configuration,
      fmt::format("Invalid value for logger level: Failed to parse string to level filter: {}.Possible values: "
                  "[Error, Warning, Info, Debug]",
                  text),
      fmt::format("InvalidLogLevel(LevelFilterFromStrError(\"{}\"))", text)};
}

std::string checked_id(const std::string& id) {
  constexpr std::size_t longest = 64;
  if (id.empty() || id.size() > longest)
    throw Panic{fmt::format("Invalid instance ID: InvalidLen({}, 1, {})", id.size(), longest)};
  const auto bad = std::find_if(id.begin(), id.end(), [](unsigned char c) { return !std::isalnum(c) && c != '-'; });
  if (bad != id.end()) throw Panic{fmt::format("Invalid instance ID: InvalidChar('{}', {})", *bad, bad - id.begin())};
  return id;
}

// As the real one does at the start. Where stdout is the same terminal, what nobody reads there is lost from then on.
void prepare_serial_input() {
  termios settings{};
  if (::tcgetattr(STDIN_FILENO, &settings) == 0) {
    ::cfmakeraw(&settings);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &settings);
  }
  ::fcntl(STDIN_FILENO, F_SETFL, ::fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
}

// "Put", as the real one's log has it.
std::string capitalised(std::string method) {
  std::transform(method.begin() + 1, method.end(), method.begin() + 1, [](unsigned char c) { return std::tolower(c); });
  return method;
}

std::string read_config(const std::string& path) {
  try {
    return read_file(path);
  } catch (const Error& e) {
    throw Panic{fmt::format("Unable to open or read from the configuration file: {}", e.message())};
  }
}

class Firecracker {
 public:
  void run(const std::vector<std::string>& words);
  Log& log() { return log_; }

 private:
  void configure_log(const Arguments& given);
  HttpServer serve_api(const Arguments& given);
  void configure_from(const std::string& text);
  void start_guest(const std::string& kernel);
  void loop();
  void on_signal();
  void on_input();
  void run_guest();
  Response answer(const Request& request);

  Log log_;
  std::optional<Api> api_;
  std::optional<HttpServer> server_;
  std::optional<Guest> guest_;
  Fd signals_;
  bool has_input_ = false;
};

void Firecracker::run(const std::vector<std::string>& words) {
  std::optional<Arguments> given;
  try {
    given.emplace(words);
  } catch (const BadArguments& bad) {
    throw Ending{arguments,
                 fmt::format("Arguments parsing error: {} \\n\\nFor more information try --help.", bad.message),
                 fmt::format("ParseArguments({})", bad.debug)};
  }
  if (given->has("help") || given->has("version")) {
    fmt::print("Firecracker v{}\n\n", version);
    std::fflush(stdout);
    return;
  }
  const std::string id = checked_id(given->value("id").value_or("anonymous-instance"));
  log_.set_id(id);
  configure_log(*given);
  log_.write(Level::info, "main", fmt::format("Running Firecracker v{}", version));

  sigset_t watched;
  sigemptyset(&watched);
  for (const int number : {SIGHUP, SIGPIPE, SIGSYS}) sigaddset(&watched, number);
  ::sigprocmask(SIG_BLOCK, &watched, nullptr);
  signals_ = Fd(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));

  api_.emplace(id,
               Api::Machine{[this](const std::string& kernel) { start_guest(kernel); }, [this] { guest_->press_key(); },
                            [this](const Body& config) {
                              if (config.contains("level") && config["level"].is_string())
                                log_.set_most(parse_level(config["level"].get<std::string>()));
                            }});
  std::optional<std::string> config;
  if (const auto path = given->value("config-file")) config = read_config(*path);
  if (!given->has("no-api")) server_.emplace(serve_api(*given));
  if (config) configure_from(*config);
  loop();
}

void Firecracker::configure_log(const Arguments& given) {
  if (const auto level = given.value("level")) log_.set_most(parse_level(*level));
  log_.show_level(given.has("show-level"));
  const auto path = given.value("log-path");
  if (!path) return;
  try {
    log_.open(*path);
  } catch (const SystemError& e) {
    const std::string why = describe_errno(e.error_number());
    throw Ending{generic_error, "Could not initialize logger: Failed to open target file: " + why,
                 fmt::format("LoggerInitialization(LoggerUpdateError({}))", why)};
  }
}

HttpServer Firecracker::serve_api(const Arguments& given) {
  const std::string path = given.value("api-sock").value_or("/run/firecracker.socket");
  const auto limit = parse_unsigned(given.value("http-api-max-payload-size").value_or(""));
  try {
    HttpServer server(listen_at(path), limit ? static_cast<std::size_t>(*limit) : default_max_body,
                      [this](const Request& request) { return answer(request); });
    log_.write(Level::info, "main", fmt::format("Listening on API socket (\"{}\").", path));
    log_.write(Level::info, "fc_api", "API server started.");
    return server;
  } catch (const SystemError& e) {
    if (e.error_number() == EADDRINUSE)
      throw Ending{generic_error,
                   fmt::format("RunWithApiError error: Failed to open the API socket at: {}. Check that it is not "
                               "already used.",
                               path),
                   fmt::format("RunWithApi(FailedToBindSocket(\"{}\"))", path)};
    const std::string why = describe_errno(e.error_number());
    throw Ending{generic_error,
                 fmt::format("RunWithApiError error: Failed to bind and run the HTTP server: IO error: {}", why),
                 fmt::format("RunWithApi(FailedToBindAndRunHttpServer(IOError({})))", why)};
  }
}

void Firecracker::configure_from(const std::string& text) {
  try {
    const Body config = Body::parse(text, nullptr, /*allow_exceptions=*/false);
    if (config.is_discarded()) throw Fault("Invalid JSON: expected value");
    api_->configure(config);
  } catch (const Fault& fault) {
    throw Ending{generic_error,
                 fmt::format("RunWithApiError error: Failed to build MicroVM from Json: Configuration for VMM from one "
                             "single json failed: {}",
                             fault.what()),
                 fmt::format("RunWithApi(BuildFromJson({}))", fault.what())};
  }
}

Response Firecracker::answer(const Request& request) {
  log_.write(Level::info, "fc_api",
             fmt::format("The API server received a {} request on \"{}\"{}.", capitalised(request.method), request.path,
                         request.body ? fmt::format(" with body \"{}\"", *request.body) : ""));
  const Response response = api_->handle(request);
  if (response.status < 400)
    log_.write(Level::info, "fc_api",
               fmt::format("The request was executed successfully. Status code: {}.",
                           response.status == 204 ? "204 No Content" : "200 OK"));
  else
    log_.write(Level::error, "fc_api",
               fmt::format("Received Error. Status code: 400 Bad Request. Message: {}", response.body));
  return response;
}

void Firecracker::start_guest(const std::string& kernel) {
  prepare_serial_input();
  has_input_ = true;
  guest_.emplace(kernel);
}

void Firecracker::loop() {
  for (;;) {
    const bool runs = guest_ && api_->state() == Api::State::running;
    if (runs) run_guest();
    std::vector<pollfd> polled{{signals_.get(), POLLIN, 0}};
    if (has_input_ && runs) polled.push_back({STDIN_FILENO, POLLIN, 0});
    const std::size_t first_of_server = polled.size();
    if (server_)
      for (const int descriptor : server_->descriptors()) polled.push_back({descriptor, POLLIN, 0});
    constexpr int rest_ms = 1;  // of a guest that talks without end
    if (::poll(polled.data(), polled.size(), runs && guest_->restless() ? rest_ms : -1) < 0) continue;
    if (polled[0].revents != 0) on_signal();
    if (first_of_server == 2 && polled[1].revents != 0) on_input();
    for (std::size_t i = first_of_server; i < polled.size(); ++i)
      if (polled[i].revents != 0) server_->on_readable(polled[i].fd);
  }
}

void Firecracker::on_signal() {
  signalfd_siginfo info{};
  if (::read(signals_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return;
  const int number = static_cast<int>(info.ssi_signo);
  if (number == SIGPIPE)
    return log_.write(Level::error, "main", fmt::format("Received signal {}, code {}.", number, info.ssi_code));
  log_.write(Level::error, "main",
             fmt::format("Shutting down VM after intercepting signal {}, code {}.", number, info.ssi_code));
  // 148 is for a system call that a seccomp filter caught, of which a signal sent by somebody is no case.
  std::_Exit(number == SIGHUP ? hang_up : unexpected_error);
}

void Firecracker::on_input() {
  std::array<char, 4096> buffer{};
  const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (n > 0)
    guest_->receive({buffer.data(), static_cast<std::size_t>(n)});
  else if (n == 0 || (errno != EAGAIN && errno != EINTR))
    has_input_ = false;
}

void Firecracker::run_guest() {
  const auto end = guest_->run();
  if (!end) return;
  if (*end == Guest::End::crashed)
    log_.write(Level::error, "fc_vcpu 0", "Unexpected exit reason on vcpu run: Shutdown");
  log_.write(Level::info, "main", "Vmm is stopping.");
  // The real one ends with either code then, as its threads happen to run.
  if (*end == Guest::End::crashed)
    throw Ending{generic_error, "RunWithApiError error: MicroVM stopped with an error: GenericError",
                 "RunWithApi(MicroVMStoppedWithError(GenericError))"};
  throw Ending{ok, "", ""};
}

int run_to_end(const std::vector<std::string>& words) {
  Firecracker firecracker;
  try {
    firecracker.run(words);
  } catch (const Ending& ending) {
    if (ending.code != ok) {
      firecracker.log().write(Level::error, "main", ending.message);
      fmt::print(stderr, "Error: {}\n", ending.debug);
      firecracker.log().write(Level::error, "main",
                              fmt::format("Firecracker exiting with error. exit_code={}", int{ending.code}));
      return ending.code;
    }
  } catch (const Panic& panic) {
    firecracker.log().write(Level::error, "main", "Firecracker panicked at tests/fakes/firecracker:\n" + panic.message);
    std::abort();
  }
  firecracker.log().write(Level::info, "main", "Firecracker exiting successfully. exit_code=0");
  return ok;
}

}  // namespace
}  // namespace meros::fake

int main(int argc, char** argv) { return meros::fake::run_to_end(std::vector<std::string>(argv + 1, argv + argc)); }
