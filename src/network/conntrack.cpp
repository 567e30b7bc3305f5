#include "network/conntrack.h"

#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <array>
#include <cstring>
#include <memory>
#include <optional>

#include "base/error.h"
#include "network/netlink_request.h"

namespace meros::network {
namespace {

struct CloseSocket {
  void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};
using Socket = std::unique_ptr<nl_sock, CloseSocket>;

struct Tracked {
  Flow flow;
  std::vector<char> tuple;  // as the kernel gave it, to name the flow by
};

[[noreturn]] void throw_conntrack(int error) {
  throw HostError(std::string("cannot look at the tracked flows: ") + nl_geterror(error),
                  "the kernel needs nf_conntrack_netlink");
}

class ConntrackRequest : public Request {
 public:
  ConntrackRequest(int message, int flags) : Request((NFNL_SUBSYS_CTNETLINK << 8) | message, flags) {
    append(nfgenmsg{AF_INET, NFNETLINK_V0, 0});
  }
};

std::optional<Ipv4> address_in(nlattr* attribute) {
  if (attribute == nullptr || nla_len(attribute) != sizeof(std::uint32_t)) return std::nullopt;
  return Ipv4{ntohl(nla_get_u32(attribute))};
}

std::optional<Flow> parse_flow(nlattr* tuple) {
  std::array<nlattr*, CTA_TUPLE_MAX + 1> parts{};
  std::array<nlattr*, CTA_IP_MAX + 1> ip{};
  std::array<nlattr*, CTA_PROTO_MAX + 1> protocol{};
  if (nla_parse_nested(parts.data(), CTA_TUPLE_MAX, tuple, nullptr) < 0) return std::nullopt;
  if (parts[CTA_TUPLE_IP] == nullptr || parts[CTA_TUPLE_PROTO] == nullptr) return std::nullopt;
  if (nla_parse_nested(ip.data(), CTA_IP_MAX, parts[CTA_TUPLE_IP], nullptr) < 0) return std::nullopt;
  if (nla_parse_nested(protocol.data(), CTA_PROTO_MAX, parts[CTA_TUPLE_PROTO], nullptr) < 0) return std::nullopt;
  const auto source = address_in(ip[CTA_IP_V4_SRC]);
  const auto destination = address_in(ip[CTA_IP_V4_DST]);
  if (!source || !destination || protocol[CTA_PROTO_NUM] == nullptr) return std::nullopt;
  Flow flow{nla_get_u8(protocol[CTA_PROTO_NUM]), *source, *destination, 0};
  if (protocol[CTA_PROTO_DST_PORT] != nullptr) flow.destination_port = ntohs(nla_get_u16(protocol[CTA_PROTO_DST_PORT]));
  if (protocol[CTA_PROTO_ICMP_TYPE] != nullptr) flow.destination_port = nla_get_u8(protocol[CTA_PROTO_ICMP_TYPE]);
  return flow;
}

int take_flow(nl_msg* message, void* argument) {
  auto& found = *static_cast<std::vector<Tracked>*>(argument);
  std::array<nlattr*, CTA_MAX + 1> attributes{};
  if (nlmsg_parse(nlmsg_hdr(message), sizeof(nfgenmsg), attributes.data(), CTA_MAX, nullptr) < 0) return NL_SKIP;
  nlattr* tuple = attributes[CTA_TUPLE_ORIG];
  if (tuple == nullptr) return NL_SKIP;
  const auto flow = parse_flow(tuple);
  if (!flow) return NL_SKIP;
  const char* data = static_cast<const char*>(nla_data(tuple));
  found.push_back({*flow, std::vector<char>(data, data + nla_len(tuple))});
  return NL_OK;
}

std::vector<Tracked> list_flows(nl_sock* socket) {
  std::vector<Tracked> found;
  nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, take_flow, &found);
  ConntrackRequest request(IPCTNL_MSG_CT_GET, NLM_F_DUMP);
  if (const int error = nl_send_auto(socket, request.get()); error < 0) throw_conntrack(error);
  if (const int error = nl_recvmsgs_default(socket); error < 0) throw_conntrack(error);
  return found;
}

void forget(nl_sock* socket, const Tracked& tracked) {
  ConntrackRequest request(IPCTNL_MSG_CT_DELETE, 0);
  request.put(CTA_TUPLE_ORIG | NLA_F_NESTED, tracked.tuple.data(), tracked.tuple.size());
  const int error = request.send(socket);
  if (error < 0 && !is_absent(error)) throw_conntrack(error);
}

}  // namespace

std::size_t end_flows(const NetworkNamespace& network, const std::function<bool(const Flow&)>& may_stay) {
  return network.run([&] {
    const Socket socket(nl_socket_alloc());
    if (!socket) throw std::bad_alloc();
    if (const int error = nl_connect(socket.get(), NETLINK_NETFILTER); error < 0) throw_conntrack(error);
    std::size_t ended = 0;
    for (const auto& tracked : list_flows(socket.get())) {
      if (may_stay(tracked.flow)) continue;
      forget(socket.get(), tracked);
      ++ended;
    }
    return ended;
  });
}

}  // namespace meros::network
