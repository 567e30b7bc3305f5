// Words for those who split them again: a shell, and rsync's -e.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace meros::guest {

// One word of a POSIX shell that stands for exactly this text: 'it'\''s'. A word of harmless characters stays as it is.
std::string shell_word(std::string_view text);
// The words with blanks between them.
std::string shell_words(const std::vector<std::string>& words);

// The same for rsync's -e (rsync(1), "--rsh"): blanks separate, a quote within quotes is doubled, no backslashes.
std::string rsh_words(const std::vector<std::string>& words);

// For a value of ssh_config that ssh expands: %% stands for %.
std::string without_percent(std::string_view text);

}  // namespace meros::guest
