// What netlink*.cpp share of libnl: messages, caches and errors.
#pragma once

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/cache.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <memory>
#include <new>
#include <string>

#include "base/error.h"

namespace meros::network {

struct FreeCache {
  void operator()(nl_cache* cache) const { nl_cache_free(cache); }
};
using Cache = std::unique_ptr<nl_cache, FreeCache>;

template <typename Visit>
void for_each(nl_cache* cache, Visit visit) {
  for (nl_object* object = nl_cache_get_first(cache); object != nullptr; object = nl_cache_get_next(object))
    visit(object);
}

// `error` is negative, as libnl returns it.
[[noreturn]] void throw_netlink(const std::string& what, int error);
inline bool is_absent(int error) { return error == -NLE_NODEV || error == -NLE_OBJ_NOTFOUND; }

// One message. `flags` come to NLM_F_REQUEST | NLM_F_ACK.
class Request {
 public:
  explicit Request(int type, int flags = 0) : message_(nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | flags)) {
    if (!message_) throw std::bad_alloc();
  }
  template <typename Header>
  void append(Header header) {
    if (nlmsg_append(message_.get(), &header, sizeof header, NLMSG_ALIGNTO) < 0) throw std::bad_alloc();
  }
  void put(int attribute, const void* data, std::size_t size) {
    if (nla_put(message_.get(), attribute, static_cast<int>(size), data) < 0) throw std::bad_alloc();
  }
  void put(int attribute, const std::string& text) { put(attribute, text.c_str(), text.size() + 1); }

  // What is put until its end of life belongs to the attribute.
  class Nest {
   public:
    Nest(nl_msg* message, int attribute) : message_(message), start_(nla_nest_start(message, attribute)) {
      if (start_ == nullptr) throw std::bad_alloc();
    }
    Nest(const Nest&) = delete;
    Nest& operator=(const Nest&) = delete;
    ~Nest() { nla_nest_end(message_, start_); }

   private:
    nl_msg* message_;
    nlattr* start_;
  };
  Nest nest(int attribute) { return {message_.get(), attribute}; }

  // Returns 0 or libnl's negative error. The message is then used up.
  int send(nl_sock* socket) { return nl_send_sync(socket, message_.release()); }
  nl_msg* get() { return message_.get(); }

 private:
  struct FreeMessage {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
  };
  std::unique_ptr<nl_msg, FreeMessage> message_;
};

class LinkRequest : public Request {
 public:
  LinkRequest(int type, int index, unsigned flags, unsigned changed_flags, int message_flags = 0,
              unsigned char family = AF_UNSPEC)
      : Request(type, message_flags) {
    ifinfomsg header{};
    header.ifi_family = family;
    header.ifi_index = index;
    header.ifi_flags = flags;
    header.ifi_change = changed_flags;
    append(header);
  }
  void put_mac(const std::string& mac, const std::string& what);
};

}  // namespace meros::network
