#include "image/input_digests.h"

#include <fcntl.h>

#include "base/fd.h"
#include "base/json.h"
#include "image/sha256.h"
#include "image/tree_digest.h"

namespace meros::image {
namespace {

std::string digest_of_file(const std::filesystem::path& path) {
  return path.empty() ? "" : sha256_of(open_file(path, O_RDONLY));
}

std::string digest_of(const MachineKeys& keys) {
  return sha256_of(Json{keys.user_public, keys.host_ed25519, keys.host_rsa}.dump());
}

}  // namespace

InputDigests digests_of(const RootfsSpec& spec, const MachineKeys& keys) {
  InputDigests inputs;
  inputs.keyring = digest_of_file(spec.keyring);
  inputs.keys = digest_of(keys);
  for (const auto& directory : spec.includes) inputs.includes.push_back(tree_digest(directory));
  for (const auto& directory : spec.hooks) inputs.hooks.push_back(tree_digest(directory));
  return inputs;
}

}  // namespace meros::image
