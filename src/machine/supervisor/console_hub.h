// The guest's serial line, shared: into console.log always, to every reader of console.sock as fast as it reads, and
// back from all of them. A slow reader loses bytes and is told; it never holds up the guest.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "base/bounded_log.h"
#include "base/fd.h"
#include "base/watch.h"

namespace meros::machine {

class ConsoleHub {
 public:
  static constexpr std::size_t reader_buffer = std::size_t{256} * 1024;
  static constexpr std::size_t input_buffer = std::size_t{64} * 1024;
  static constexpr std::size_t scrollback = std::size_t{16} * 1024;

  // Binds console.sock and opens console.log in the volume. `log_limit`: see BoundedLog.
  explicit ConsoleHub(const Fd& volume, std::size_t log_limit = std::size_t{4} << 20);

  void attach(const Fd& console);  // a VMM's, non-blocking; it must outlive the attachment
  void detach();                   // what is still there is taken first
  void watch(Watches& watches);
  // Takes what the guest has written so far, without waiting.
  void drain();

 private:
  struct Reader {
    explicit Reader(Fd connection) : socket(std::move(connection)) {}
    Fd socket;
    std::string pending;
    std::size_t lost = 0;
    bool input_ended = false;
    bool closed = false;
  };

  void accept_reader();
  void write_log(std::string_view bytes);
  bool read_guest();  // false when nothing was there
  void write_guest();
  void read_from(Reader& reader);
  static void offer(Reader& reader, std::string_view bytes);
  static void flush(Reader& reader);

  int volume_;
  Fd listener_;
  BoundedLog log_;
  BoundedLog times_;
  std::int64_t noted_at_ms_ = 0;
  int console_ = -1;
  std::string input_;
  std::list<Reader> readers_;
};

}  // namespace meros::machine
