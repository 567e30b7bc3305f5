// Who logs in to a machine, with which key, and which host key is the machine's.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "machine/home.h"

namespace meros::guest {

// What was said on the command line.
struct LoginOptions {
  std::optional<std::string> user;
  std::optional<std::string> identity;  // a private key file
  // A file with the machine's public host key, or "accept-new": the first that is seen is taken and remembered.
  std::optional<std::string> host_key;
};

struct Login {
  std::string user;
  std::optional<std::filesystem::path> identity;  // nothing: what ssh finds by itself
  std::filesystem::path known_hosts;
  std::string host_key_alias;
  bool accept_new = false;
};

// "<vm>.<constellation>.meros", or "<vm>.meros" for a machine of `create`; lower case.
std::string host_name_of(const machine::MachineId& id);

// A user name as useradd(8) takes it. InvalidError for anything else: it goes to ssh.
void check_user(const std::string& user);

// By the options, else by what the machine's image says (image/built.h). A host key that is named is pinned. A private
// key of ours with wide modes gets 0600.
// UsageError where nobody says who the user is; Error where the machine's host key is not known, with the way out.
Login find_login(const machine::Home& home, const machine::MachineId& id, const LoginOptions& options);

// Whether a known_hosts has a key under this name. Pure.
bool has_pin(const std::string& known_hosts, const std::string& alias);
// The text with the lines of `alias` replaced by one for this public key ("ssh-ed25519 AAAA… comment"). InvalidError
// for what is no public key. Pure.
std::string with_pin(const std::string& known_hosts, const std::string& alias, const std::string& public_key);

}  // namespace meros::guest
