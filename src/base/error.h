// The one exception hierarchy of meros. Libraries throw, each level adds context on the way up, main prints once.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace meros {

// What a process of ours exits with (documented in the manual; scripts depend on the numbers).
enum class ExitCode : int {
  done = 0,
  failed = 1,
  usage = 2,
  invalid = 3,      // a manifest, config or argument value that makes no sense
  not_found = 4,    // no such machine, image, constellation
  busy = 5,         // exists already, or somebody else holds it
  host_lacks = 6,   // the host is missing something; `meros doctor` says what
  timed_out = 124,  // as timeout(1)
};

// what() reads "<context>: <message>"; hint() is the way out, without a full stop, or empty.
class Error : public std::exception {
 public:
  explicit Error(std::string message, std::string hint = {}, ExitCode code = ExitCode::failed);

  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& message() const noexcept { return message_; }
  const std::string& hint() const noexcept { return hint_; }
  ExitCode exit_code() const noexcept { return code_; }

  // Puts "context: " before the message. Used as: catch (Error& e) { e.add_context("..."); throw; }
  // It returns nothing on purpose: `throw e.add_context(…)` would throw a copy that has lost its kind.
  void add_context(std::string_view context);
  // Sets the hint where none was given nearer to the cause.
  void suggest(std::string hint);

 private:
  std::string message_;
  std::string hint_;
  ExitCode code_;
};

// A failed system call: "<what>: <strerror(errno)>". EACCES and EPERM exit as `failed`: only the caller knows whether
// the host lacks something.
class SystemError : public Error {
 public:
  SystemError(std::string_view what, int error_number);
  int error_number() const noexcept { return error_number_; }

 private:
  int error_number_;
};

// Throws SystemError for the current errno.
[[noreturn]] void throw_errno(std::string_view what);

#define MEROS_ERROR_KIND(Name, code)                                                                                \
  class Name : public Error {                                                                                       \
   public:                                                                                                          \
    explicit Name(std::string message, std::string hint = {}) : Error(std::move(message), std::move(hint), code) {} \
  }

MEROS_ERROR_KIND(UsageError, ExitCode::usage);
MEROS_ERROR_KIND(InvalidError, ExitCode::invalid);
MEROS_ERROR_KIND(NotFoundError, ExitCode::not_found);
MEROS_ERROR_KIND(BusyError, ExitCode::busy);
MEROS_ERROR_KIND(HostError, ExitCode::host_lacks);
MEROS_ERROR_KIND(TimeoutError, ExitCode::timed_out);

#undef MEROS_ERROR_KIND

}  // namespace meros
