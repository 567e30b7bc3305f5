// A machine that runs, with an sshd that answers at its address.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/child.h"
#include "integration/machine_test.h"

namespace meros::test {

class SshGuest : public MachineTest {
 protected:
  // Skips without root, sshd, ssh, rsync or QEMU. Makes the machine "web" and starts it; no sshd yet.
  void SetUp() override;
  void TearDown() override;

  void start_sshd();
  // A new host key: what a machine in the middle would have.
  void change_host_key();

  // `meros VERB web …` with the user and key that work, and the pinned host key.
  Result in_guest(const std::string& verb, std::vector<std::string> more, std::string_view input = {});
  std::vector<std::string> login() const;
  std::filesystem::path host_key() const { return home_path_ / "sshd/host"; }
  std::filesystem::path identity() const { return home_path_ / "id"; }
  // What is the home of the guest's user: root's, which is an empty directory of the test's own here.
  std::filesystem::path guest_home() const { return "/root"; }

 private:
  void mount_own_directories();
  Child sshd_;
  bool mounted_ = false;
  std::filesystem::path home_path_;
};

}  // namespace meros::test
