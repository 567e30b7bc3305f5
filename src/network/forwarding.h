// Per-interface forwarding of the host: switched on for the interfaces that constellations need, and put back when the
// last one is gone. What was there before, and who needs it, is recorded below /run/meros, so that whoever goes last
// knows. Needs root.
#pragma once

#include <string>

namespace meros::network {

// `user` (the name of its uplink) needs packets that come in by `link`, and by no other any more, to be forwarded.
void need_forwarding(const std::string& user, const std::string& link);
// It needs none any more. Users whose link is gone are forgotten, too.
void need_no_forwarding(const std::string& user);

}  // namespace meros::network
