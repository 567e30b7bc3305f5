// The one exception hierarchy of meros. Libraries throw, each level adds context on the way up, main prints once.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <utility>

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

// The kinds that a caller may want to tell apart, each with the exit code that it ends a program with.
template <ExitCode code>
class ErrorOf : public Error {
 public:
  explicit ErrorOf(std::string message, std::string hint = {}) : Error(std::move(message), std::move(hint), code) {}
};

using UsageError = ErrorOf<ExitCode::usage>;
using InvalidError = ErrorOf<ExitCode::invalid>;
using NotFoundError = ErrorOf<ExitCode::not_found>;
using BusyError = ErrorOf<ExitCode::busy>;
using HostError = ErrorOf<ExitCode::host_lacks>;
using TimeoutError = ErrorOf<ExitCode::timed_out>;

}  // namespace meros
