// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/json_parser.h"
#include "molmo/error.h"

namespace molmo::text {
namespace {

constexpr size_t kMaxDepth = 64;

// The events of nlohmann's parser. Inside model.vocab and model.merges they fill the vectors, elsewhere the tree.
class Reader : public nlohmann::json_sax<Json> {
 public:
  Reader(TokenizerJson* result, std::string_view text, const std::string& where)
      : result_(*result), text_(text), where_(where) {}

  bool null() override { return value(Json()); }
  bool boolean(bool v) override { return value(Json(v)); }
  bool number_integer(int64_t v) override { return value(Json(v)); }
  bool number_float(double v, const std::string&) override { return value(Json(v)); }
  bool binary(Json::binary_t&) override { return value(Json()); }

  bool number_unsigned(uint64_t v) override {
    if (place_ != Place::kVocab) return value(Json(v));
    result_.vocab.emplace_back(std::move(key_), v);
    return true;
  }

  bool string(std::string& v) override {
    if (place_ == Place::kTree) return value(Json(std::move(v)));
    if (place_ == Place::kMerges) return split_merge(v);
    if (place_ != Place::kMerge || ++merge_parts_ > 2) bad_place();
    (merge_parts_ == 1 ? merge_.first : merge_.second) = std::move(v);
    return true;
  }

  bool start_object(size_t) override {
    if (place_ == Place::kTree && in_model() && key_ == "vocab") {
      result_.has_vocab = true;
      place_ = Place::kVocab;
      return true;
    }
    return open(Json::object());
  }

  bool end_object() override {
    if (place_ == Place::kVocab) return place_ = Place::kTree, true;
    return close();
  }

  bool start_array(size_t) override {
    if (place_ == Place::kTree && in_model() && key_ == "merges") {
      result_.has_merges = true;
      place_ = Place::kMerges;
      return true;
    }
    if (place_ == Place::kMerges) return place_ = Place::kMerge, merge_parts_ = 0, true;
    return open(Json::array());
  }

  bool end_array() override {
    if (place_ == Place::kMerges) return place_ = Place::kTree, true;
    if (place_ != Place::kMerge) return close();
    if (merge_parts_ != 2) bad_merge("a pair of strings");
    result_.merges.push_back(std::move(merge_));
    return place_ = Place::kMerges, true;
  }

  bool key(std::string& v) override {
    key_ = std::move(v);
    if (place_ == Place::kTree && !open_.back().keys.insert(key_).second)  // of the vocabulary they are looked at later
      throw Error(fmt::format("[text] {}: '{}' is duplicated in one object, expected it once", where_, key_));
    return true;
  }

  bool parse_error(size_t position, const std::string&, const Json::exception& error) override {
    const size_t offset = position == 0 ? 0 : position - 1;
    throw Error(fmt::format("[text] {}: byte {}: {}", where_, offset,
                            describe_syntax_error(text_, offset, error.what(), JsonText::kWhole)));
  }

 private:
  enum class Place { kTree, kVocab, kMerges, kMerge };

  struct Level {
    Json* container;  // stable, as only the innermost one grows
    bool is_model;    // the top-level object "model"
    std::set<std::string> keys;
  };

  bool in_model() const { return !open_.empty() && open_.back().is_model; }

  Json* insert(Json&& v) {
    if (open_.empty()) return *result_.rest = std::move(v), result_.rest.get();
    Json& container = *open_.back().container;
    if (container.is_array()) return container.push_back(std::move(v)), &container.back();
    return &(container[key_] = std::move(v));
  }

  bool value(Json&& v) {
    if (place_ != Place::kTree) bad_place();
    insert(std::move(v));
    return true;
  }

  bool open(Json&& container) {
    if (place_ != Place::kTree) bad_place();
    if (open_.size() == kMaxDepth)
      throw Error(fmt::format("[text] {}: nested deeper than {} levels", where_, kMaxDepth));
    const bool is_model =
        open_.size() == 1 && container.is_object() && open_[0].container->is_object() && key_ == "model";
    open_.push_back({insert(std::move(container)), is_model, {}});
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  bool split_merge(const std::string& text) {
    const size_t space = text.find(' ');
    if (text.starts_with("#version")) return true;  // first line of old merges.txt files
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
      bad_merge("two pieces and one space");
    result_.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
    return true;
  }

  [[noreturn]] void bad_merge(const char* expected) const {
    throw Error(fmt::format("[text] {}: model.merges[{}] is not {}", where_, result_.merges.size(), expected));
  }

  [[noreturn]] void bad_place() const {
    if (place_ != Place::kVocab) bad_merge("a pair of strings");
    throw Error(fmt::format("[text] {}: model.vocab[\"{}\"] is not an id (a non-negative integer)", where_, key_));
  }

  TokenizerJson& result_;
  const std::string_view text_;
  const std::string& where_;
  std::vector<Level> open_;  // containers around the current value
  std::string key_;
  Place place_ = Place::kTree;
  std::pair<std::string, std::string> merge_;
  int merge_parts_ = 0;
};

}  // namespace

TokenizerJson parse_tokenizer_json(std::string_view text, const std::string& where) {
  TokenizerJson result;
  result.rest = std::make_shared<Json>();
  text = expect_utf8(text, where);
  Reader reader(&result, text, where);
  Json::sax_parse(text.begin(), text.end(), &reader);
  if (!result.rest->is_object()) throw Error(fmt::format("[text] {}: not a JSON object", where));
  return result;
}

}  // namespace molmo::text
