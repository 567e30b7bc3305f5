// Completion scripts for shells, made from the option list: they cannot say anything that the program does not know.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/option_list.h"

namespace meros::cli {

// What can stand in the place of a value or an argument ("FORMAT", "FILE", "TARGET" …).
struct Completion {
  enum class Kind { nothing, words, files, directories, machines, bridges };
  Kind kind = Kind::nothing;
  std::string words;  // with blanks between, for `words`
};
Completion completion_of(std::string_view place);

// The scripts for `program` ("meros").
std::string bash_completion(const std::string& program, const std::vector<VerbInfo>& verbs);
std::string zsh_completion(const std::string& program, const std::vector<VerbInfo>& verbs);
std::string fish_completion(const std::string& program, const std::vector<VerbInfo>& verbs);

// A text in single quotes, as every one of these shells reads it; `escaped_quote` is how an apostrophe is written.
std::string shell_quoted(std::string_view text, std::string_view escaped_quote = R"('\'')");

}  // namespace meros::cli
