// What the stand-in answers a request with when it refuses it.
#pragma once

#include <exception>
#include <string>

namespace meros::fake {

class Fault : public std::exception {
 public:
  explicit Fault(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

// "No such file or directory (os error 2)", as the real one tells of a failed system call.
std::string describe_errno(int number);

}  // namespace meros::fake
