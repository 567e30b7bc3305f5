// DHCP and names, asked for from inside.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "base/error.h"
#include "integration/network/lab.h"
#include "support/wait.h"

namespace meros::test {
namespace {

using network::Policy;

class NamesAndAddresses : public Lab {};

struct Offer {
  std::string address;
  std::string router;
  unsigned mtu = 0;
};

// A DHCPDISCOVER (RFC 2131), answered by broadcast.
std::string discover(const std::string& mac) {
  std::string message(240, '\0');
  message[0] = 1;  // BOOTREQUEST
  message[1] = 1;  // Ethernet
  message[2] = 6;
  message[4] = 'm';                       // the transaction's number
  message[10] = static_cast<char>(0x80);  // answer by broadcast
  for (std::size_t i = 0; i < 6; ++i) message[28 + i] = static_cast<char>(std::stoi(mac.substr(i * 3, 2), nullptr, 16));
  const std::array<unsigned char, 4> cookie = {99, 130, 83, 99};
  std::memcpy(&message[236], cookie.data(), cookie.size());
  for (const int byte : {53, 1, 1, 55, 3, 1, 3, 26, 255}) message += static_cast<char>(byte);
  return message;
}

Offer parse_offer(const std::string& message) {
  const auto dotted = [&](std::size_t at) {
    std::array<char, INET_ADDRSTRLEN> text{};
    ::inet_ntop(AF_INET, &message[at], text.data(), text.size());
    return std::string(text.data());
  };
  const auto byte = [&](std::size_t at) { return static_cast<unsigned>(static_cast<unsigned char>(message[at])); };
  Offer offer;
  offer.address = dotted(16);
  for (std::size_t at = 240; at + 1 < message.size() && byte(at) != 255; at += 2 + byte(at + 1)) {
    if (byte(at) == 3) offer.router = dotted(at + 2);
    if (byte(at) == 26) offer.mtu = byte(at + 2) << 8 | byte(at + 3);
  }
  return offer;
}

// Nothing where nobody answers for a while.
std::optional<Offer> ask_for_address(const FakeMachine& machine, const std::string& mac,
                                     std::chrono::milliseconds time) {
  const Fd socket = machine.network().run([] {
    Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5);
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_port = htons(68);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) throw_errno("bind");
    return fd;
  });
  sockaddr_in all{};
  all.sin_family = AF_INET;
  all.sin_port = htons(67);
  all.sin_addr.s_addr = INADDR_BROADCAST;
  const std::string question = discover(mac);
  const Deadline deadline = Deadline::after(time);
  while (!deadline.passed()) {
    ::sendto(socket.get(), question.data(), question.size(), 0, reinterpret_cast<const sockaddr*>(&all), sizeof all);
    if (wait_for(socket, POLLIN, 500) == 0) continue;
    std::string answer(2048, '\0');
    const ssize_t n = ::recv(socket.get(), answer.data(), answer.size(), 0);
    if (n < 240) continue;
    answer.resize(static_cast<std::size_t>(n));
    return parse_offer(answer);
  }
  return std::nullopt;
}

TEST_P(NamesAndAddresses, AreGivenByMac) {
  apply(lab_);
  const FakeMachine web(open_tap("lab", "web-tap"), lab_.ports[0].mac, {}, {});
  const auto offer = ask_for_address(web, lab_.ports[0].mac, patience);
  ASSERT_TRUE(offer);
  EXPECT_EQ(offer->address, "10.0.2.21");
  EXPECT_EQ(offer->router, "10.0.2.1");
  EXPECT_EQ(offer->mtu, 1400U) << "that of the way out";
  EXPECT_FALSE(ask_for_address(web, "02:aa:bb:cc:dd:ee", std::chrono::milliseconds(1000))) << "to a stranger";
}

TEST_P(NamesAndAddresses, AreKnownOfTheMachinesOfTheBridge) {
  lab_.bridges.push_back(bridge("shut", "10.0.3.1/24", Policy::isolated));
  lab_.ports.push_back(port("Safe_1", "shut", "10.0.3.21"));
  apply(lab_);
  start_machines(lab_);
  EXPECT_EQ(resolve("web", "db"), "10.0.2.22");
  EXPECT_EQ(resolve("web", "db.lab"), "10.0.2.22");
  EXPECT_EQ(resolve("Safe_1", "safe-1.lab", "10.0.3.1"), "10.0.3.21");
  EXPECT_EQ(resolve("web", "safe-1.lab"), "") << "it is out of reach";
  EXPECT_EQ(resolve("web", "nobody.lab"), "");
}

TEST_P(NamesAndAddresses, OfTheOutsideAreResolvedWhereThereIsAccess) {
  lab_.bridges.push_back(bridge("shut", "10.0.3.1/24", Policy::isolated));
  lab_.ports.push_back(port("safe", "shut", "10.0.3.21"));
  apply(lab_);
  start_machines(lab_);
  EXPECT_EQ(resolve("web", "www.example.org"), "203.0.113.9");
  EXPECT_EQ(resolve("safe", "www.example.org", "10.0.3.1"), "");
  EXPECT_EQ(resolve("safe", "web.lab", "10.0.3.1"), "");
}

TEST_P(NamesAndAddresses, OfTheHostsFileAreNotServed) {
  apply(lab_);
  start_machines(lab_);
  // The outside's server says 203.0.113.9 to everything: what the file says would be another address.
  EXPECT_NE(resolve("web", "localhost"), "127.0.0.1");
}

TEST_P(NamesAndAddresses, FollowTheHostsResolvers) {
  apply(lab_);
  start_machines(lab_);
  ASSERT_EQ(resolve("web", "www.example.org"), "203.0.113.9");
  // A server that nobody listens at, and then the one that answers.
  write_all(open_file("/etc/resolv.conf", O_WRONLY | O_TRUNC), "nameserver 203.0.113.10\nnameserver 192.0.2.1\n");
  EXPECT_EQ(resolve("web", "mail.example.org"), "203.0.113.9");
}

INSTANTIATE_TEST_SUITE_P(, NamesAndAddresses, both_callers, name_of_caller);

}  // namespace
}  // namespace meros::test
