#include "network/address.h"

#include <gmock/gmock.h>

#include <set>

#include "base/error.h"
#include "network/tap.h"

namespace meros::network {
namespace {

using testing::MatchesRegex;
using testing::StartsWith;

template <typename Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const InvalidError& e) {
    return e.message() + " (" + e.hint() + ")";
  }
  return "no error";
}

TEST(Ipv4, IsReadAndWrittenAsADottedQuad) {
  EXPECT_EQ(parse_ipv4("10.0.2.15", "address").value, 0x0a00020fU);
  for (const char* text : {"0.0.0.0", "255.255.255.255", "172.17.0.35"})
    EXPECT_EQ(parse_ipv4(text, "address").to_string(), text);
}

TEST(Ipv4, RefusesEverythingElse) {
  for (const char* text :
       {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-1", "1.2.3.+1", " 1.2.3.4", "1.2.3.4 ", "01.2.3.4",
        "1.2.3.0x4", "1..2.3", "1.2.3.", "a.b.c.d", "1.2.3.4/24", "1.2.3.0004", "1.2.3.99999999999999999999", "::1"})
    EXPECT_FALSE(try_parse_ipv4(text)) << text;
}

TEST(Ipv4, SaysWhatIsWrong) {
  EXPECT_EQ(message_of([] { parse_ipv4("10.0.2", "--guest-ip"); }),
            "--guest-ip '10.0.2' is not an IPv4 address (write four numbers from 0 to 255, as in 10.0.2.15)");
}

TEST(Ipv4Network, KnowsItsBounds) {
  const auto network = parse_ipv4_network("10.0.2.1/24", "subnet");
  EXPECT_EQ(network.to_string(), "10.0.2.1/24");
  EXPECT_EQ(network.netmask().to_string(), "255.255.255.0");
  EXPECT_EQ(network.network().to_string(), "10.0.2.0");
  EXPECT_EQ(network.broadcast().to_string(), "10.0.2.255");
  EXPECT_TRUE(network.contains(parse_ipv4("10.0.2.255", "")));
  EXPECT_FALSE(network.contains(parse_ipv4("10.0.3.0", "")));
  EXPECT_TRUE(network.is_host(parse_ipv4("10.0.2.254", "")));
  EXPECT_FALSE(network.is_host(parse_ipv4("10.0.2.0", "")));
  EXPECT_FALSE(network.is_host(parse_ipv4("10.0.2.255", "")));
  EXPECT_FALSE(network.is_host(parse_ipv4("10.0.3.1", "")));
}

TEST(Ipv4Network, HasNoReservedAddressesInTheSmallestSubnets) {
  EXPECT_TRUE(parse_ipv4_network("10.0.2.0/31", "").is_host(parse_ipv4("10.0.2.1", "")));
  EXPECT_TRUE(parse_ipv4_network("10.0.2.7/32", "").is_host(parse_ipv4("10.0.2.7", "")));
  EXPECT_FALSE(parse_ipv4_network("10.0.2.7/32", "").is_host(parse_ipv4("10.0.2.8", "")));
}

TEST(Ipv4Network, MayBeEverything) {
  const auto all = parse_ipv4_network("0.0.0.0/0", "");
  EXPECT_EQ(all.mask(), 0U);
  EXPECT_TRUE(all.contains(parse_ipv4("255.1.2.3", "")));
}

TEST(Ipv4Network, RefusesEverythingElse) {
  for (const char* text : {"10.0.2.1", "10.0.2.1/", "10.0.2.1/33", "10.0.2.1/024", "10.0.2.1/-1", "10.0.2/24",
                           "10.0.2.1/24/8", "10.0.2.1/255.255.255.0", "/24", ""})
    EXPECT_EQ(
        message_of([&] { parse_ipv4_network(text, "subnet"); }),
        "subnet '" + std::string(text) + "' is not an address with the size of its subnet (write it as 10.0.2.1/24)");
}

TEST(Netmask, IsTurnedIntoAPrefix) {
  EXPECT_EQ(prefix_of_netmask("255.255.255.0"), 24U);
  EXPECT_EQ(prefix_of_netmask("255.255.240.0"), 20U);
  EXPECT_EQ(prefix_of_netmask("255.255.255.255"), 32U);
  EXPECT_EQ(prefix_of_netmask("0.0.0.0"), 0U);
}

TEST(Netmask, RefusesHoles) {
  EXPECT_EQ(message_of([] { prefix_of_netmask("255.0.255.0"); }),
            "netmask '255.0.255.0' is not a netmask (write it as in 255.255.255.0)");
  EXPECT_THROW(prefix_of_netmask("0.255.255.255"), InvalidError);
  EXPECT_THROW(prefix_of_netmask("24"), InvalidError);
}

TEST(Mac, IsMadeLowerCase) { EXPECT_EQ(parse_mac("02:AB:cd:00:EF:19", "--mac"), "02:ab:cd:00:ef:19"); }

TEST(Mac, RefusesEverythingElse) {
  for (const char* text : {"", "02:00:00:00:00", "02:00:00:00:00:0", "02:00:00:00:00:01:", "02-00-00-00-00-01",
                           "02:00:00:00:00:0g", "0200:00:00:00:001", "020000000001"})
    EXPECT_EQ(message_of([&] { parse_mac(text, "--mac"); }),
              "--mac '" + std::string(text) +
                  "' is not a MAC address (write six bytes in hexadecimal, as in 02:00:00:00:00:01)");
  EXPECT_EQ(message_of([] { parse_mac("01:00:5e:00:00:01", "--mac"); }),
            "--mac '01:00:5e:00:00:01' is a multicast address (the first byte must be even, as in 02:00:00:00:00:01)");
  EXPECT_EQ(message_of([] { parse_mac("00:00:00:00:00:00", "--mac"); }),
            "--mac '00:00:00:00:00:00' is all zero (write one like 02:00:00:00:00:01)");
}

TEST(Mac, RandomOnesAreValidLocalAndDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string mac = random_mac();
    EXPECT_EQ(parse_mac(mac, ""), mac);
    EXPECT_THAT(mac, MatchesRegex(".[26ae]:.*"));
    seen.insert(mac);
  }
  EXPECT_EQ(seen.size(), 100U);
}

TEST(TapName, IsTheLabelWhereItFits) {
  EXPECT_EQ(tap_name("fc-", "fc-demo-tap0", "/srv/volumes/demo"), "fc-demo-tap0");
  EXPECT_EQ(tap_name("fc-", "123456789012345", "x"), "123456789012345");
}

TEST(TapName, IsAHashWhereTheLabelDoesNotFit) {
  const std::string name = tap_name("mrs", "fc-a-long-machine-name-tap0", "/srv/volumes/a");
  EXPECT_THAT(name, MatchesRegex("mrs[0-9a-f]+"));
  EXPECT_EQ(name.size(), max_interface_name);
  EXPECT_EQ(tap_name("mrs", "fc-a-long-machine-name-tap0", "/srv/volumes/a"), name) << "the same every time";
  EXPECT_NE(tap_name("mrs", "fc-a-long-machine-name-tap0", "/srv/volumes/b"), name);
}

TEST(TapName, NeverTakesALabelThatTheKernelWouldNotTakeLiterally) {
  for (const char* label : {"", ".", "..", "a/b", "tap%d", "a b", "a:b", "tap\n0", "t\xc3\xa4p", "1234567890123456"})
    EXPECT_THAT(tap_name("mrs", label, "x"), StartsWith("mrs")) << label;
}

TEST(TapName, ShortensALongPrefix) { EXPECT_EQ(tap_name("a-very-long-prefix", "", "x").size(), max_interface_name); }

}  // namespace
}  // namespace meros::network
