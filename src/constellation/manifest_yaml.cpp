#include "constellation/manifest_yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <initializer_list>
#include <sstream>
#include <unordered_map>

#include "constellation/manifest_syntax.h"

namespace meros::constellation {
namespace {

constexpr std::string_view core_tag = "tag:yaml.org,2002:";

// Makes the tree from the parser's events.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const SourceText& source, std::deque<Node>& nodes, std::vector<Diagnostic>& findings)
      : source_(source), nodes_(nodes), findings_(findings) {}

  const Node* root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root_ == nullptr) return;
    const std::size_t offset = offset_of(mark);
    if (std::string_view(source_.text()).substr(offset).starts_with("---"))
      throw SyntaxError{offset, "a second document begins here", "a manifest is one document"};
    throw SyntaxError{offset, "the manifest has ended before this line", "look at the indentation and the brackets"};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    place(add(Node::Kind::null, offset_of(mark), anchor), offset_of(mark), From::plain);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node& node = add(Node::Kind::scalar, offset_of(mark), anchor);
    node.text = value;
    check_tag(tag, mark, {"str", "int", "float", "bool"});
    // The parser takes the end of the file for closing quotes.
    if (tag != "?" && !quotes_are_closed(source_.text(), node.offset))
      throw SyntaxError{node.offset, "these quotes are never closed"};
    place(node, node.offset, tag == "?" ? From::plain : From::quotes);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const std::size_t offset = offset_of(mark);
    const auto target = anchors_.find(anchor);
    const auto is_target = [&](const Open& open) { return open.node == target->second; };
    if (target == anchors_.end() || std::any_of(open_.begin(), open_.end(), is_target))
      throw SyntaxError{offset, "this alias contains itself"};
    charge(target->second->values, offset);
    place(*target->second, offset, From::alias);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::list, offset_of(mark), anchor);
    check_tag(tag, mark, {"seq"});
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::map, offset_of(mark), anchor);
    check_tag(tag, mark, {"map"});
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override {
    if (open_.back().merge.value != nullptr) merge(open_.back());
    close();
  }

 private:
  // How a node was written.
  enum class From { plain, quotes, alias, brackets };

  // A list or map whose end is not read yet.
  struct Open {
    Node* node;
    std::size_t values_before;
    bool awaits_key = true;
    Entry* slot = nullptr;                                   // where the value goes; null: its key was refused
    std::unordered_map<std::string, std::size_t> keys = {};  // to the place of the first
    Entry merge = {};                                        // of the key '<<'
  };

  std::size_t offset_of(const YAML::Mark& mark) const {
    const auto& text = source_.text();
    if (mark.is_null()) return text.size();
    return behind_properties(text, std::min(static_cast<std::size_t>(mark.pos), text.size()));
  }

  void charge(std::size_t values, std::size_t offset) {
    values_ += values;
    if (values_ > max_values)
      throw SyntaxError{offset, fmt::format("the manifest has more than {} values", max_values),
                        "aliases and merge keys count as what they stand for"};
  }

  Node& add(Node::Kind kind, std::size_t offset, YAML::anchor_t anchor) {
    charge(1, offset);
    Node& node = nodes_.emplace_back();
    node.kind = kind;
    node.offset = offset;
    if (anchor != 0) anchors_[anchor] = &node;
    return node;
  }

  void open(Node::Kind kind, std::size_t offset, YAML::anchor_t anchor) {
    if (open_.size() >= max_depth)
      throw SyntaxError{offset, fmt::format("lists and maps are nested more than {} deep", max_depth)};
    const std::size_t before = values_;
    Node& node = add(kind, offset, anchor);
    open_.push_back({&node, before});
  }

  void close() {
    Node& node = *open_.back().node;
    node.values = values_ - open_.back().values_before;
    open_.pop_back();
    place(node, node.offset, From::brackets);
  }

  // Puts a finished node where it belongs: the document, a list, a map's key or value. An alias is at `offset`, its
  // node elsewhere.
  void place(Node& node, std::size_t offset, From from) {
    if (open_.empty()) {
      root_ = &node;
      return;
    }
    Open& parent = open_.back();
    if (parent.node->kind == Node::Kind::list) {
      parent.node->list.push_back(&node);
      return;
    }
    if (parent.awaits_key)
      parent.slot = take_key(parent, node, offset, from);
    else if (parent.slot != nullptr)
      take_value(parent, node);
    parent.awaits_key = !parent.awaits_key;
  }

  void take_value(Open& parent, const Node& value) {
    Entry& entry = *parent.slot;
    entry.value = &value;
    // Where there is no ':' the parser has nothing at the place of the key.
    if (value.kind != Node::Kind::null || value.offset != entry.key_offset) return;
    find(entry.key_offset, fmt::format("there is no ':' behind {}", in_quotes(entry.key)));
    if (parent.slot != &parent.merge) parent.node->map.pop_back();
  }

  Entry* take_key(Open& parent, Node& key, std::size_t offset, From from) {
    if (from == From::alias) {
      find(offset, "a key cannot be an alias");
      return nullptr;
    }
    key.is_key = true;
    if (key.kind == Node::Kind::null) {
      find(key.offset, "a key is empty", "a name that is 'null' or '~' must be in quotes");
      return nullptr;
    }
    if (key.kind != Node::Kind::scalar || key.text.empty()) {
      find(key.offset, "a key must be a word");
      return nullptr;
    }
    const auto [first, fresh] = parent.keys.try_emplace(key.text, key.offset);
    if (!fresh) {
      find(key.offset, fmt::format("duplicate key {}", in_quotes(key.text)),
           key.text == "<<" ? "merge several maps with '<<: [*one, *two]'"
                            : fmt::format("it was first given in line {}", source_.position_of(first->second).line));
      return nullptr;
    }
    if (key.text == "<<" && from == From::plain) {
      parent.merge = {key.text, key.offset, nullptr};
      return &parent.merge;
    }
    // A growing vector moves its entries; the slot is used before the next one is added.
    return &parent.node->map.emplace_back(Entry{key.text, key.offset, nullptr});
  }

  // https://yaml.org/type/merge.html: what is written wins, then the earlier map of the list.
  void merge(Open& map) {
    const Node& source = *map.merge.value;
    const std::vector<const Node*> sources =
        source.kind == Node::Kind::list ? source.list : std::vector<const Node*>{&source};
    for (const Node* from : sources) {
      if (from->kind != Node::Kind::map) {
        find(from->kind == Node::Kind::null ? map.merge.key_offset : from->offset,
             "'<<' takes an alias of a map, or a list of them", "as in '<<: *name'");
        continue;
      }
      for (const Entry& entry : from->map) {
        if (!map.keys.try_emplace(entry.key, entry.key_offset).second) continue;
        charge(1 + entry.value->values, map.merge.key_offset);
        map.node->map.push_back({entry.key, entry.key_offset, entry.value, true});
      }
    }
  }

  // "?" is what the parser calls no tag, "!" that of a scalar in quotes.
  void check_tag(std::string_view tag, const YAML::Mark& mark, std::initializer_list<std::string_view> known) {
    if (tag == "?" || tag == "!") return;
    const bool core = tag.starts_with(core_tag);
    const auto name = core ? tag.substr(core_tag.size()) : tag;
    if (core && std::find(known.begin(), known.end(), name) != known.end()) return;
    find(static_cast<std::size_t>(mark.pos),
         fmt::format("the tag {} is not known here", in_quotes(core ? fmt::format("!!{}", name) : tag)),
         "leave it out");
  }

  void find(std::size_t offset, std::string message, std::string help = {}) {
    if (findings_.size() < max_diagnostics)
      findings_.push_back(
          source_.diagnose(Severity::error, source_.position_of(offset), std::move(message), std::move(help)));
  }

  const SourceText& source_;
  std::deque<Node>& nodes_;
  std::vector<Diagnostic>& findings_;
  const Node* root_ = nullptr;
  std::deque<Open> open_;  // not a vector: a slot may be the merge of one that is not the last
  std::unordered_map<YAML::anchor_t, Node*> anchors_;
  std::size_t values_ = 0;
};

}  // namespace

const Entry* Node::find(std::string_view key) const {
  const auto found = std::find_if(map.begin(), map.end(), [&](const Entry& entry) { return entry.key == key; });
  return found == map.end() ? nullptr : &*found;
}

std::string_view describe(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::scalar:
      return "text";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::map:
      return "a map";
  }
  return "";
}

Document Document::parse(const SourceText& source, std::vector<Diagnostic>& findings) {
  Document document;
  TreeBuilder builder(source, *document.nodes_, findings);
  std::istringstream stream(source.text());
  try {
    YAML::Parser parser(stream);
    // The second call finds the end, or is told of a second document.
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
  } catch (const YAML::Exception& e) {
    const std::size_t offset = e.mark.is_null() ? source.text().size() : static_cast<std::size_t>(e.mark.pos);
    throw explain_yaml_error(e.msg, source.text(), offset);
  }
  document.root_ = builder.root();
  return document;
}

}  // namespace meros::constellation
