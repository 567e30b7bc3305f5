#include "integration/network/fake_machine.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>

#include "base/child.h"
#include "base/error.h"
#include "base/text.h"
#include "network/netlink.h"
#include "network/tun.h"

namespace meros::test {

FakeMachine::FakeMachine(Fd tap, const std::string& mac, std::optional<network::Ipv4Network> address,
                         network::Ipv4 gateway)
    : network_(network::NetworkNamespace::make()), tap_(std::move(tap)), stop_(make_pipe()) {
  eth0_ = network_.run([&] {
    Fd fd = network::open_tun("cannot make a guest");
    if (network::attach_tap(fd, "eth0", network::Attach::new_only) != 0) throw Error("cannot make a guest's eth0");
    const network::Netlink netlink;
    const int index = netlink.link("eth0")->index;
    netlink.change(index, {.mac = mac, .up = true}, "guest");
    if (address) {
      netlink.add_address(index, *address, "guest");
      netlink.add_route({.to = {{0}, 0}, .via = gateway, .link = index}, "guest");
    }
    return fd;
  });
  set_nonblocking(tap_);
  set_nonblocking(eth0_);
  thread_ = std::thread([this] { carry(); });
}

FakeMachine::~FakeMachine() {
  stop_.write_end.reset();
  thread_.join();
}

void FakeMachine::ip(std::initializer_list<std::string> arguments) const {
  Command command;
  command.argv = {"ip"};
  command.argv.insert(command.argv.end(), arguments);
  command.network_namespace = network_.fd().get();
  const Output output = run(command);
  if (!output.status.success()) throw Error("ip " + join(command.argv, " ") + ": " + output.err);
}

void FakeMachine::carry() {
  std::array<char, 65536> frame{};
  const auto pass = [&](const Fd& from, const Fd& to) {
    ssize_t n = 0;
    while ((n = ::read(from.get(), frame.data(), frame.size())) > 0)
      if (::write(to.get(), frame.data(), static_cast<std::size_t>(n)) < 0) continue;  // lost, as frames are
  };
  std::array<pollfd, 3> polled = {
      {{stop_.read_end.get(), POLLIN, 0}, {tap_.get(), POLLIN, 0}, {eth0_.get(), POLLIN, 0}}};
  for (;;) {
    ::poll(polled.data(), polled.size(), -1);
    if (polled[0].revents != 0) return;
    pass(tap_, eth0_);
    pass(eth0_, tap_);
  }
}

}  // namespace meros::test
