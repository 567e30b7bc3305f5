// The file that a download grows in: "<target>.part", locked as long as we live, with "<target>.part.json" beside it
// that says what its bytes are a part of. Only a whole and checked one takes the target's name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace meros::image {

class PartFile {
 public:
  // What the bytes come from. Without a validator they cannot be gone on with.
  struct Source {
    std::string url = {};
    std::string validator = {};
    std::optional<std::uint64_t> total = {};
  };

  // Opens what an earlier run left, or makes an empty one. BusyError while another process has it.
  explicit PartFile(const std::filesystem::path& target);

  const Fd& file() const { return file_; }
  std::uint64_t size() const { return size_; }
  // What is known of the bytes that are there.
  const std::optional<Source>& source() const { return source_; }

  // Empties it for bytes from `source`, and takes their space on the disk where the total is known.
  void restart(const Source& source);
  void append(std::string_view bytes);
  // Empties it and fills it from another open file, holes and all.
  void copy_from(const Fd& other);

  // It is whole: on the disk, then under the target's name.
  void publish();
  // Removes it.
  void discard() noexcept;

 private:
  void open_locked();
  void read_source();
  void empty();

  std::filesystem::path target_;
  std::filesystem::path path_;
  std::filesystem::path source_path_;
  Fd file_;
  std::uint64_t size_ = 0;
  std::optional<Source> source_;
};

}  // namespace meros::image
