#include "base/error.h"

#include <cerrno>
#include <system_error>
#include <utility>

namespace meros {

Error::Error(std::string message, std::string hint, ExitCode code)
    : message_(std::move(message)), hint_(std::move(hint)), code_(code) {}

void Error::add_context(std::string_view context) {
  message_.insert(0, ": ");
  message_.insert(0, context);
}

void Error::suggest(std::string hint) {
  if (hint_.empty()) hint_ = std::move(hint);
}

SystemError::SystemError(std::string_view what, int error_number)
    : Error(std::string(what) + ": " + std::generic_category().message(error_number)), error_number_(error_number) {}

void throw_errno(std::string_view what) {
  const int saved = errno;
  throw SystemError(what, saved);
}

}  // namespace meros
