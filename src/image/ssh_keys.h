// The SSH keys of a machine, kept in data/ssh_keys: one for its user, and the machine's own, made once and put into
// every image that is built for it. So a first connection is verified already.
//
//   <constellation>-<machine>-id_ed25519(.pub)     the user's; an …-id_rsa that is there is used in its place
//   <constellation>-<machine>-host_ed25519(.pub), …-host_rsa(.pub)
//   known_hosts
#pragma once

#include <filesystem>
#include <string>

namespace meros::image {

// The contents of the files that an image gets.
struct MachineKeys {
  std::string user_public;
  std::string host_ed25519;
  std::string host_ed25519_public;
  std::string host_rsa;
  std::string host_rsa_public;
};

// The name of a machine in known_hosts, for ssh's HostKeyAlias: "<machine>.<constellation>.meros" in lower case, for
// ssh compares it with patterns that it has made lower case.
std::string host_key_alias(const std::string& constellation, const std::string& machine);
// The private key that opens the machine to its user, or where it will be.
std::filesystem::path user_key_file(const std::filesystem::path& ssh_keys_dir, const std::string& constellation,
                                    const std::string& machine);

// Makes what is absent (ssh-keygen(1); HostError without it) and pins the host keys. Private files are 0600, and all
// belong to the invoking user. One caller at a time for a machine; others may be at work for other machines.
MachineKeys ensure_keys(const std::filesystem::path& ssh_keys_dir, const std::string& constellation,
                        const std::string& machine);

// The text of a known_hosts with the lines of `alias` replaced by those of the keys. Pure.
std::string pin(const std::string& known_hosts, const std::string& alias, const MachineKeys& keys);

}  // namespace meros::image
