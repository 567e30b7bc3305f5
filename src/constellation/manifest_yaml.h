// YAML as a tree of our own, in which every node knows its place. yaml-cpp's own tree hides duplicate keys, does not
// merge, and expands what it should not; only its parser is used.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "constellation/manifest_text.h"

namespace meros::constellation {

struct Node;

struct Entry {
  std::string key;
  std::size_t key_offset = 0;
  const Node* value = nullptr;  // never null in a finished tree; owned by the Document
  bool inherited = false;       // by a merge key, or from `defaults`
};

struct Node {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  std::size_t offset = 0;         // of its first byte, behind an anchor or tag
  std::string text;               // of a scalar
  std::vector<const Node*> list;  // an alias is the node that it means
  std::vector<Entry> map;         // each key once; merge keys are resolved
  std::size_t values = 1;         // how many nodes it stands for, itself included
  bool is_key = false;
  bool failed = false;  // what is wrong with it is said already

  const Entry* find(std::string_view key) const;
};

// "a list", "text" …: for messages.
std::string_view describe(const Node& node);

// Bounds: what a hostile file may cost.
constexpr std::size_t max_depth = 32;
constexpr std::size_t max_values = 200'000;  // aliases and merge keys counted as what they stand for

class Document {
 public:
  // Throws SyntaxError for what cannot be read at all; what can be read past (duplicate keys, keys that are no text,
  // unknown tags, bad merge keys) is added to `findings`.
  static Document parse(const SourceText& source, std::vector<Diagnostic>& findings);

  // Null for a file without a document.
  const Node* root() const { return root_; }
  // Every node once.
  std::deque<Node>& nodes() { return *nodes_; }

 private:
  std::unique_ptr<std::deque<Node>> nodes_ = std::make_unique<std::deque<Node>>();
  const Node* root_ = nullptr;
};

}  // namespace meros::constellation
