// SPDX-License-Identifier: Apache-2.0
#include "formats/pickle.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <map>
#include <optional>

#include "molmo/error.h"

namespace molmo::formats {

using Kind = PickleNode::Kind;

constexpr size_t kMostArguments = 64;  // of a call, which copies them; real ones have seven
constexpr size_t kMemoBytes = 64;      // of an entry of the memo

// The stack machine. An opcode of one byte can ask for a hundred: what is made is counted, and ends at a limit.
class Pickle::Machine {
 public:
  Machine(std::span<const uint8_t> data, const std::string& where, size_t most_bytes, std::deque<PickleNode>& nodes)
      : data_(data), where_(where), num_left_(most_bytes), nodes_(nodes) {}

  PickleNode* run() {
    for (;;) {
      const auto op = static_cast<char>(number<uint8_t>());
      if (op == '.') return pop();
      if (!push_value(op) && !use_memo(op) && !fill_container(op) && !name_object(op))
        fail(fmt::format("opcode 0x{:02x}, expected one of a plain checkpoint", static_cast<uint8_t>(op)));
    }
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("[pickle] {}: byte {}: {}", where_, at_, what));
  }

  void charge(size_t num_bytes) {
    if (num_bytes > num_left_) fail("more values than a file of this size may hold");
    num_left_ -= num_bytes;
  }

  std::span<const uint8_t> take(size_t size) {
    if (size > data_.size() - at_) fail(fmt::format("the data ends, {} bytes more expected", size));
    at_ += size;
    return data_.subspan(at_ - size, size);
  }

  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::string text(size_t size) {
    const auto bytes = take(size);
    charge(size);
    return {bytes.begin(), bytes.end()};
  }

  std::string line() {
    std::string result;
    for (char c = 0; (c = static_cast<char>(number<uint8_t>())) != '\n';) result += c;
    return result;
  }

  PickleNode* push(PickleNode node) {
    charge(sizeof node);
    nodes_.push_back(std::move(node));
    return push(&nodes_.back());
  }

  PickleNode* push(PickleNode* node) {
    charge(sizeof node);
    stack_.push_back(node);
    return node;
  }

  PickleNode* pop() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("the stack is empty");
    PickleNode* node = stack_.back();
    stack_.pop_back();
    return node;
  }

  std::vector<PickleNode*> pop_to_mark() {
    if (marks_.empty()) fail("no mark on the stack");
    const std::vector<PickleNode*> items(stack_.begin() + static_cast<int64_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }

  PickleNode* top(Kind kind) {
    PickleNode* node = pop();
    stack_.push_back(node);
    if (kind == Kind::kDict && node->is(Kind::kCall))
      node->kind = Kind::kDict;  // an OrderedDict was called for; its items follow
    if (!node->is(kind)) fail("an item for something that holds none");
    return node;
  }

  void push_tuple(size_t size) {
    std::vector<PickleNode*> items(size);
    for (size_t i = size; i-- > 0;) items[i] = pop();
    push({.kind = Kind::kList, .text = {}, .items = std::move(items), .pairs = {}});
  }

  int64_t long_integer() {
    const auto bytes = take(number<uint8_t>());
    if (bytes.size() > 8) fail("an integer beyond 64 bits");
    uint64_t value = !bytes.empty() && (bytes.back() & 0x80) != 0 ? ~uint64_t{0} : 0;
    for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | bytes[i];
    return static_cast<int64_t>(value);
  }

  void push_integer(int64_t value) {
    push({.kind = Kind::kInt, .integer = value, .text = {}, .items = {}, .pairs = {}});
  }
  void push_text(std::string value, Kind kind = Kind::kText) {
    push({.kind = kind, .text = std::move(value), .items = {}, .pairs = {}});
  }
  void push_empty(Kind kind) { push({.kind = kind, .text = {}, .items = {}, .pairs = {}}); }
  void push_bool(bool value) { push({.kind = Kind::kBool, .integer = value, .text = {}, .items = {}, .pairs = {}}); }

  bool push_value(char op) {
    switch (op) {
      case 'N':
        push_empty(Kind::kNone);
        return true;
      case '\x88':
        push_bool(true);
        return true;
      case '\x89':
        push_bool(false);
        return true;
      case 'J':
        push_integer(number<int32_t>());
        return true;
      case 'K':
        push_integer(number<uint8_t>());
        return true;
      case 'M':
        push_integer(number<uint16_t>());
        return true;
      case '\x8a':
        push_integer(long_integer());
        return true;
      case 'G':
        push({.kind = Kind::kFloat,
              .number = std::bit_cast<double>(__builtin_bswap64(number<uint64_t>())),
              .text = {},
              .items = {},
              .pairs = {}});
        return true;
      case 'X':
        push_text(text(number<uint32_t>()));
        return true;
      case '\x8c':
        push_text(text(number<uint8_t>()));
        return true;
      case '\x8d':
        push_text(text(number<uint64_t>()));
        return true;
      case 'B':
        push_text(text(number<uint32_t>()), Kind::kBytes);
        return true;
      case 'C':
        push_text(text(number<uint8_t>()), Kind::kBytes);
        return true;
      case '}':
        push_empty(Kind::kDict);
        return true;
      case ']':
      case ')':
        push_empty(Kind::kList);
        return true;
      default:
        return false;
    }
  }

  bool use_memo(char op) {
    const auto put = [&](uint64_t slot) {
      PickleNode* node = pop();
      stack_.push_back(node);
      charge(kMemoBytes);
      memo_[slot] = node;
    };
    const auto get = [&](uint64_t slot) {
      const auto found = memo_.find(slot);
      if (found == memo_.end()) fail(fmt::format("no value {} was kept", slot));
      push(found->second);
    };
    switch (op) {
      case 'q':
        put(number<uint8_t>());
        return true;
      case 'r':
        put(number<uint32_t>());
        return true;
      case '\x94':
        put(memo_.size());
        return true;
      case 'h':
        get(number<uint8_t>());
        return true;
      case 'j':
        get(number<uint32_t>());
        return true;
      default:
        return false;
    }
  }

  void call(PickleNode* callable, std::vector<PickleNode*> arguments) {
    charge(arguments.size() * sizeof callable);
    arguments.insert(arguments.begin(), callable);
    push({.kind = Kind::kCall, .text = {}, .items = std::move(arguments), .pairs = {}});
  }

  void set_items(PickleNode* dict, const std::vector<PickleNode*>& items) {
    if (items.size() % 2 != 0) fail("a key without a value");
    for (size_t i = 0; i < items.size(); i += 2) dict->pairs.emplace_back(items[i], items[i + 1]);
  }

  bool fill_container(char op) {
    switch (op) {
      case '\x80':
        number<uint8_t>();
        return true;  // protocol
      case '\x95':
        number<uint64_t>();
        return true;  // frame
      case '(':
        charge(sizeof stack_.size());
        marks_.push_back(stack_.size());
        return true;
      case '0':
        pop();
        return true;
      case 't': {
        push({.kind = Kind::kList, .text = {}, .items = pop_to_mark(), .pairs = {}});
        return true;
      }
      case '\x85':
        push_tuple(1);
        return true;
      case '\x86':
        push_tuple(2);
        return true;
      case '\x87':
        push_tuple(3);
        return true;
      case 'a': {
        PickleNode* item = pop();
        top(Kind::kList)->items.push_back(item);
        return true;
      }
      case 'e': {
        const std::vector<PickleNode*> items = pop_to_mark();
        PickleNode* list = top(Kind::kList);
        list->items.insert(list->items.end(), items.begin(), items.end());
        return true;
      }
      case 's': {
        PickleNode* value = pop();
        PickleNode* key = pop();
        set_items(top(Kind::kDict), {key, value});
        return true;
      }
      case 'u': {
        const std::vector<PickleNode*> items = pop_to_mark();
        set_items(top(Kind::kDict), items);
        return true;
      }
      default:
        return false;
    }
  }

  // What Python would import, load and call.
  bool name_object(char op) {
    switch (op) {
      case 'c': {
        const std::string module = line();
        push_text(module + "." + line(), Kind::kGlobal);
        return true;
      }
      case '\x93': {
        const PickleNode* name = pop();
        const PickleNode* module = pop();
        push_text(module->text + "." + name->text, Kind::kGlobal);
        return true;
      }
      case 'Q': {
        PickleNode* id = pop();
        push({.kind = Kind::kPersistent, .text = {}, .items = {id}, .pairs = {}});
        return true;
      }
      case 'R':
      case '\x81': {
        const PickleNode* arguments = pop();
        PickleNode* callable = pop();
        if (arguments->items.size() > kMostArguments) fail("a call with too many arguments");
        call(callable, arguments->items);
        return true;
      }
      case 'b':
        pop();
        return true;  // the state of an object whose class does not matter here
      default:
        return false;
    }
  }

  std::span<const uint8_t> data_;
  const std::string& where_;
  size_t num_left_;  // bytes that may still be made
  std::deque<PickleNode>& nodes_;
  size_t at_ = 0;
  std::vector<PickleNode*> stack_;
  std::vector<size_t> marks_;
  std::map<uint64_t, PickleNode*> memo_;
};

Pickle::Pickle(std::span<const uint8_t> data, const std::string& where, size_t most_bytes) {
  root_ = Machine(data, where, most_bytes, nodes_).run();
}

}  // namespace molmo::formats
