// SPDX-License-Identifier: Apache-2.0
#include "config/load.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/choices.h"
#include "config/config_file.h"
#include "config/json_visitor.h"
#include "config/molmo_config.h"
#include "config/train_config.h"
#include "config/validate.h"
#include "molmo/error.h"

namespace molmo::config {
namespace {

// 1.5 and 2^63 are no integers, and neither is true.
std::optional<int64_t> integer_of(const Json& json) {
  if (!json.is_number_integer()) return std::nullopt;
  if (json.is_number_unsigned() && !std::in_range<int64_t>(json.get<uint64_t>())) return std::nullopt;
  return json.get<int64_t>();
}

}  // namespace

JsonWriter::JsonWriter(Json& object) : object_(object) { object_ = Json::object(); }
void JsonWriter::put(std::string_view name, Json value) { object_[std::string(name)] = std::move(value); }

template <class T>
Json JsonWriter::json_of(T& value) {
  if constexpr (Struct<T>) {
    Json object;
    JsonWriter writer(object);
    value.visit(writer);
    return object;
  } else if constexpr (std::is_enum_v<T>) {
    return std::string(enum_name(value));
  } else if constexpr (kIsOptional<T>) {
    return value ? json_of(*value) : Json(nullptr);
  } else if constexpr (kIsList<T> || kIsArray<T>) {
    Json list = Json::array();
    for (auto& element : value) list.push_back(json_of(element));
    return list;
  } else if constexpr (kIsMap<T>) {
    Json object = Json::object();
    for (auto& [name, element] : value) object[name] = json_of(element);
    return object;
  } else {
    return value;
  }
}

JsonReader::JsonReader(const Json& object, std::string prefix, std::vector<std::string>& problems)
    : object_(object), prefix_(std::move(prefix)), problems_(problems) {}

template <class T>
void JsonReader::operator()(const Field& field, T& value) {
  known_.emplace_back(field.name);
  const auto found = object_.find(std::string(field.name));
  if (found != object_.end()) read(field, *found, prefix_ + std::string(field.name), value);
}

template <class T>
void JsonReader::read(const Field& field, const Json& json, const std::string& key, T& value) {
  const auto refuse = [&] {
    problems_.push_back(fmt::format("'{}': got {}, expected {}", key, brief(json), type_text<T>(field)));
  };
  const auto in_range = [&](double number) { return number >= field.min && number <= field.max; };
  if constexpr (Struct<T>) {
    if (!json.is_object()) return refuse();
    JsonReader reader(json, key + ".", problems_);
    value.visit(reader);
    reader.finish();
  } else if constexpr (std::is_same_v<T, bool>) {
    json.is_boolean() ? void(value = json.get<bool>()) : refuse();
  } else if constexpr (std::is_integral_v<T>) {
    const std::optional<int64_t> number = integer_of(json);
    const bool fits = number && std::in_range<T>(*number) && in_range(static_cast<double>(*number));
    fits ? void(value = static_cast<T>(*number)) : refuse();
  } else if constexpr (std::is_floating_point_v<T>) {
    json.is_number() && in_range(json.get<double>()) ? void(value = json.get<T>()) : refuse();
  } else if constexpr (std::is_same_v<T, std::string>) {
    json.is_string() ? void(value = json.get<std::string>()) : refuse();
  } else if constexpr (std::is_enum_v<T>) {
    for (const auto& [candidate, name] : EnumNames<T>::values) {
      if (json == name) return void(value = candidate);
    }
    refuse();
  } else if constexpr (kIsOptional<T>) {
    if (json.is_null()) return value.reset();
    typename T::value_type inner = value.value_or(typename T::value_type{});
    const size_t before = problems_.size();
    read(field, json, key, inner);
    if (problems_.size() == before) value = std::move(inner);
  } else if constexpr (kIsList<T>) {
    if (!json.is_array()) return refuse();
    value.assign(json.size(), {});
    for (size_t i = 0; i < json.size(); ++i) read(field, json[i], fmt::format("{}[{}]", key, i), value[i]);
  } else if constexpr (kIsArray<T>) {
    if (!json.is_array() || json.size() != value.size()) return refuse();
    for (size_t i = 0; i < json.size(); ++i) read(field, json[i], fmt::format("{}[{}]", key, i), value[i]);
  } else {
    static_assert(kIsMap<T>);
    if (!json.is_object()) return refuse();
    for (const auto& [name, element] : json.items()) read(field, element, key + "." + name, value[name]);
  }
}

void JsonReader::finish() {
  for (const auto& [name, value] : object_.items()) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const std::string nearest = nearest_name(name, known_);
    problems_.push_back(
        nearest.empty() ? fmt::format("unknown key '{}{}', {}", prefix_, name, expected_one_of(name, known_))
                        : fmt::format("unknown key '{}{}' (did you mean '{}{}'?)", prefix_, name, prefix_, nearest));
  }
}

namespace {

void collect_diff(const Json& before, const Json& after, const std::string& prefix, std::vector<std::string>& lines) {
  for (const auto& [key, value] : after.items()) {
    const auto old = before.find(key);
    if (old == before.end()) {
      lines.push_back(fmt::format("{}{}: (absent) -> {}", prefix, key, value.dump()));
    } else if (value.is_object() && old->is_object()) {
      collect_diff(*old, value, prefix + key + ".", lines);
    } else if (value != *old) {
      lines.push_back(fmt::format("{}{}: {} -> {}", prefix, key, old->dump(), value.dump()));
    }
  }
  for (const auto& [key, value] : before.items()) {
    if (!after.contains(key)) lines.push_back(fmt::format("{}{}: {} -> (absent)", prefix, key, value.dump()));
  }
}

// Lines of help for a struct and everything below it.
class HelpWriter {
 public:
  HelpWriter(std::string prefix, std::string& text) : prefix_(std::move(prefix)), text_(text) {}
  template <class T>
  void operator()(const Field& field, T& value) {
    const std::string key = prefix_ + std::string(field.name);
    if constexpr (Struct<T>) {
      text_ += fmt::format("{}: {}\n", key, field.help);
      HelpWriter below(key + ".", text_);
      value.visit(below);
    } else {
      text_ +=
          fmt::format("{} = {}: {} ({})\n", key, JsonWriter::json_of(value).dump(), field.help, type_text<T>(field));
      if constexpr (kIsMap<T>) describe_elements<typename T::mapped_type>(key);
    }
  }

 private:
  template <class T>
  void describe_elements(const std::string& key) {
    if constexpr (Struct<T>) {
      T element;
      HelpWriter below(key + ".<name>.", text_);
      element.visit(below);
    }
  }
  std::string prefix_;
  std::string& text_;
};

// Collects problems of several sources and throws them as one error, a line each.
class Report {
 public:
  void add(const std::string& where, const std::vector<std::string>& problems) {
    for (const std::string& problem : problems) {
      text_ += fmt::format("{}[config] {}: {}", text_.empty() ? "" : "\n", where, problem);
    }
  }
  void throw_if_any() const {
    if (!text_.empty()) throw Error(text_);
  }

 private:
  std::string text_;
};

// Reads `json` over `config`; keys that are absent keep their values.
template <class T>
std::vector<std::string> read_over(T& config, const Json& json) {
  std::vector<std::string> problems;
  JsonReader reader(json, "", problems);
  config.visit(reader);
  reader.finish();
  return problems;
}

}  // namespace

template <class T>
Json to_json(const T& config) {
  T copy = config;  // visit() is not const
  return JsonWriter::json_of(copy);
}

template <class T>
T from_json(const Json& json, const std::string& where) {
  if (!json.is_object()) {
    throw Error(fmt::format("[config] {}: got a JSON {}, expected an object", where, json.type_name()));
  }
  T config;
  Report report;
  report.add(where, read_over(config, json));
  report.throw_if_any();
  std::vector<std::string> problems;
  validate(config, problems);
  report.add(where, problems);
  report.throw_if_any();
  return config;
}

template <class T>
T load_config(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  const ConfigLayers layers = read_layers(path, overrides);
  Report report;
  for (const auto& [where, json] : layers) {  // one by one first, so that a problem names the source of its key
    T scratch;
    report.add(where, read_over(scratch, json));
  }
  report.throw_if_any();
  return from_json<T>(merge_layers(layers), path.string());
}

template <class T>
std::vector<std::string> diff(const T& before, const T& after) {
  std::vector<std::string> lines;
  collect_diff(to_json(before), to_json(after), "", lines);
  return lines;
}

template <class T>
bool is_same(const T& a, const T& b) {
  return to_json(a) == to_json(b);
}

template <class T>
std::string help_keys() {
  T config;
  std::string text;
  HelpWriter writer("", text);
  config.visit(writer);
  return text;
}

#define MOLMO_INSTANTIATE_CONFIG(T)                                                         \
  template Json to_json<T>(const T&);                                                       \
  template T from_json<T>(const Json&, const std::string&);                                 \
  template T load_config<T>(const std::filesystem::path&, const std::vector<std::string>&); \
  template std::vector<std::string> diff<T>(const T&, const T&);                            \
  template bool is_same<T>(const T&, const T&);                                             \
  template std::string help_keys<T>();

MOLMO_INSTANTIATE_CONFIG(ModelConfig)
MOLMO_INSTANTIATE_CONFIG(MolmoConfig)
MOLMO_INSTANTIATE_CONFIG(TrainConfig)

}  // namespace molmo::config
