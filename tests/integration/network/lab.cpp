#include "integration/network/lab.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <fstream>

#include "network/dnsmasq.h"
#include "support/process.h"
#include "support/wait.h"

namespace meros::test {

void Lab::SetUp() {
  Networks::SetUp();
  if (IsSkipped()) return;
  lab_ = spec("lab");
  lab_.bridges = {bridge("open", "10.0.2.1/24", network::Policy::host_access)};
  lab_.ports = {port("web", "open", "10.0.2.21"), port("db", "open", "10.0.2.22")};
}

void Lab::TearDown() {
  machines_.clear();
  for (const pid_t pid : inhabitants_) kill_and_wait(pid);
  inhabitants_.clear();
  Networks::TearDown();
}

void Lab::start_machines(const network::NetworkSpec& spec) {
  for (const auto& port : spec.ports) machines_[port.machine] = machine(spec, port.machine);
}

std::string Lab::resolve(const std::string& machine, const std::string& name, const std::string& server) {
  constexpr std::uint16_t id = 0x1234;
  const std::string question = network::dns_question(name, id);
  const Fd socket = in(machine).run([&] {
    Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(53);
    ::inet_pton(AF_INET, server.c_str(), &address.sin_addr);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) throw_errno("connect");
    return fd;
  });
  const Deadline deadline = Deadline::after(patience);
  while (!deadline.passed()) {
    ::send(socket.get(), question.data(), question.size(), MSG_NOSIGNAL);
    if (wait_for(socket, POLLIN, 200) == 0) continue;
    std::array<char, 2048> answer{};
    const ssize_t n = ::recv(socket.get(), answer.data(), answer.size(), MSG_DONTWAIT);
    if (n <= 0 || !network::answers({answer.data(), static_cast<std::size_t>(n)}, id)) continue;
    if (answer[7] == 0) return "";
    // The address is at the end of the first answer: the question, then name, type, class, time and length.
    const std::size_t at = question.size() + 12;
    std::array<char, INET_ADDRSTRLEN> text{};
    ::inet_ntop(AF_INET, &answer[at], text.data(), text.size());
    return text.data();
  }
  return "no answer";
}

std::vector<pid_t> Lab::servants(const std::string& constellation, const std::string& program) {
  std::vector<pid_t> found;
  for (const pid_t pid : children_of(status(constellation).pid)) {
    std::string name;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), name);
    if (name.starts_with(program)) found.push_back(pid);
  }
  return found;
}

pid_t Lab::settle_inhabitant(const std::string& constellation) {
  const pid_t pid = spawn_inside(constellation, {"sleep", "1000"});
  inhabitants_.push_back(pid);
  return pid;
}

}  // namespace meros::test
