// SPDX-License-Identifier: Apache-2.0
#include "base/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "molmo/error.h"

namespace molmo {
namespace {

constexpr int kMostLevels = 256, kMostNodes = 1'000'000;
constexpr size_t kMostBytes = size_t{64} << 20;  // of texts: aliases stand for theirs again and again

template <class T>
bool parse_whole(const std::string& text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

Json scalar(const YAML::Node& node) {
  const std::string text = node.Scalar();
  if (node.Tag() == "!") return text;  // quoted
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return nullptr;
  if (text == "true" || text == "True") return true;
  if (text == "false" || text == "False") return false;
  int64_t integer = 0;
  if (parse_whole(text, integer)) return integer;
  double number = 0;
  if (parse_whole(text, number) && std::isfinite(number)) return number;
  return text;
}

class Converter {
 public:
  explicit Converter(const std::string& where) : where_(where) {}

  Json operator()(const YAML::Node& node, int level) {
    ++num_nodes_;
    if (node.IsScalar()) num_bytes_ += node.Scalar().size();
    expect_small(level);
    switch (node.Type()) {
      case YAML::NodeType::Map: {
        Json object = Json::object();
        for (const auto& entry : node) {
          const std::string& key = entry.first.Scalar();
          num_bytes_ += key.size();
          if (!entry.first.IsScalar()) fail(entry.first, "a list or mapping as a key, expected text");
          if (object.contains(key))
            fail(entry.first, fmt::format("{}: is duplicated in one mapping, expected it once", key));
          object[key] = (*this)(entry.second, level + 1);
        }
        return object;
      }
      case YAML::NodeType::Sequence: {
        Json list = Json::array();
        for (const YAML::Node& item : node) list.push_back((*this)(item, level + 1));
        return list;
      }
      case YAML::NodeType::Scalar:
        return scalar(node);
      case YAML::NodeType::Null:
      case YAML::NodeType::Undefined:
        break;
    }
    return nullptr;
  }

 private:
  [[noreturn]] void fail(const YAML::Node& at, const std::string& problem) const {
    throw Error(fmt::format("[yaml] {}:{}:{}: {}", where_, at.Mark().line + 1, at.Mark().column + 1, problem));
  }

  void expect_small(int level) const {
    const bool is_small = level <= kMostLevels && num_nodes_ <= kMostNodes && num_bytes_ <= kMostBytes;
    if (!is_small) throw Error(fmt::format("[yaml] {}: too deep or too large, expected a configuration", where_));
  }

  const std::string& where_;
  int num_nodes_ = 0;
  size_t num_bytes_ = 0;
};

}  // namespace

Json parse_yaml(const std::string& text, const std::string& where) {
  try {
    return Converter(where)(YAML::Load(text), 0);
  } catch (const YAML::Exception& error) {
    throw Error(fmt::format("[yaml] {}:{}:{}: {}", where, error.mark.line + 1, error.mark.column + 1, error.msg));
  }
}

Json read_yaml(const std::filesystem::path& path) { return parse_yaml(read_text_file(path), path.string()); }

}  // namespace molmo
