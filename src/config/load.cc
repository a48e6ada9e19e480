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

JsonReader::JsonReader(const Json& object, std::string prefix, JsonFindings& findings)
    : object_(object), prefix_(std::move(prefix)), findings_(findings) {}

template <class T>
void JsonReader::operator()(const Field& field, T& value) {
  known_.emplace_back(field.name);
  const auto found = object_.find(std::string(field.name));
  if (found != object_.end()) read(field, *found, prefix_ + std::string(field.name), value);
}

template <class T>
void JsonReader::read(const Field& field, const Json& json, const std::string& key, T& value) {
  const auto refuse = [&] {
    findings_.problems.push_back(fmt::format("'{}': got {}, expected {}", key, brief(json), type_text<T>(field)));
  };
  if constexpr (!kIsOptional<T>) {
    if (json.is_null() && findings_.null_removes) return findings_.removed.push_back({.key = key});
  }
  const auto in_range = [&](double number) { return number >= field.min && number <= field.max; };
  if constexpr (Struct<T>) {
    if (!json.is_object()) return refuse();
    JsonReader reader(json, key + ".", findings_);
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
    const size_t before = findings_.problems.size();
    read(field, json, key, inner);
    if (findings_.problems.size() == before) value = std::move(inner);
  } else if constexpr (kIsList<T> || kIsArray<T>) {
    if (!json.is_array()) return refuse();
    if constexpr (kIsList<T>) value.assign(json.size(), {});
    if (json.size() != value.size()) return refuse();
    const bool null_removes = std::exchange(findings_.null_removes, false);  // elements have no keys to be removed
    for (size_t i = 0; i < json.size(); ++i) read(field, json[i], fmt::format("{}[{}]", key, i), value[i]);
    findings_.null_removes = null_removes;
  } else {
    static_assert(kIsMap<T>);
    if (!json.is_object()) return refuse();
    for (const auto& [name, element] : json.items()) {
      const size_t before = findings_.removed.size();
      read(field, element, key + "." + name, value[name]);
      if (element.is_null() && findings_.removed.size() > before) findings_.removed.back().is_entry = true;
    }
  }
}

void JsonReader::finish() {
  for (const auto& [name, value] : object_.items()) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const std::string nearest = nearest_name(name, known_);
    findings_.problems.push_back(
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
  using Lines = std::vector<std::pair<std::string, std::string>>;  // key, line

  template <class T>
  void operator()(const Field& field, T& value) {
    const std::string key = prefix_ + std::string(field.name);
    if constexpr (Struct<T>) {
      lines_.emplace_back(key, fmt::format("{}: {}\n", key, field.help));
      describe(value, key + ".");
    } else {
      lines_.emplace_back(key, fmt::format("{} = {}: {} ({})\n", key, JsonWriter::json_of(value).dump(), field.help,
                                           type_text<T>(field)));
      if constexpr (kIsMap<T>) describe_elements<typename T::mapped_type>(key);
    }
  }
  const Lines& lines() const { return lines_; }

 private:
  template <class T>
  void describe(T& value, const std::string& prefix) {
    const std::string before = std::exchange(prefix_, prefix);
    value.visit(*this);
    prefix_ = before;
  }
  template <class T>
  void describe_elements(const std::string& key) {
    if constexpr (Struct<T>) {
      T element;
      describe(element, key + ".<name>.");
    }
  }
  std::string prefix_;
  Lines lines_;
};

// Collects problems of several sources and throws them as one error, a line each.
class ProblemReport {
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
JsonFindings read_over(T& config, const Json& json, bool null_removes = false) {
  JsonFindings findings{.problems = {}, .null_removes = null_removes, .removed = {}};
  JsonReader reader(json, "", findings);
  config.visit(reader);
  reader.finish();
  return findings;
}

// `json` with the overrides. Each is read alone first, so that a problem names the one that holds the key.
template <class T>
Json override_json(Json json, const std::vector<std::string>& overrides, ProblemReport& report) {
  for (const auto& [where, override] : parse_overrides(overrides)) {
    T scratch;
    const JsonFindings findings = read_over(scratch, override, /*null_removes=*/true);
    report.add(where, findings.problems);
    if (findings.problems.empty()) apply_override(json, override, findings.removed, where);
  }
  return json;
}

// The JSON of a file, its bases and the overrides.
template <class T>
Json resolve(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  const ConfigLayers layers = read_layers(path);
  ProblemReport report;
  for (const auto& [where, json] : layers) {
    T scratch;
    report.add(where, read_over(scratch, json).problems);
  }
  Json json = override_json<T>(merge_layers(layers), overrides, report);
  report.throw_if_any();
  return json;
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
  ProblemReport report;
  report.add(where, read_over(config, json).problems);
  report.throw_if_any();
  std::vector<std::string> problems;
  validate(config, problems);
  report.add(where, problems);
  report.throw_if_any();
  return config;
}

template <class T>
T load_config(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  return from_json<T>(resolve<T>(path, overrides), path.string());
}

template <class T>
T override_config(const T& config, const std::vector<std::string>& overrides, const std::string& where) {
  ProblemReport report;
  const Json json = override_json<T>(to_json(config), overrides, report);
  report.throw_if_any();
  return from_json<T>(json, where);
}

std::vector<std::string> given_keys(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  return keys_of(resolve<TrainConfig>(path, overrides));
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
std::string help_keys(const std::string& prefix) {
  T config;
  HelpWriter writer;
  config.visit(writer);
  std::string text;
  std::vector<std::string> keys;
  for (const auto& [key, line] : writer.lines()) {
    keys.push_back(key);
    if (key.starts_with(prefix) || key.find("." + prefix) != std::string::npos) text += line;
  }
  if (!text.empty()) return text;
  throw Error(fmt::format(
      "[config] --help-keys {0}: got no key with a name that begins with '{0}'{1}; --help-keys alone lists all", prefix,
      did_you_mean(prefix, keys)));
}

#define MOLMO_INSTANTIATE_CONFIG(T)                                                             \
  template Json to_json<T>(const T&);                                                           \
  template T from_json<T>(const Json&, const std::string&);                                     \
  template T load_config<T>(const std::filesystem::path&, const std::vector<std::string>&);     \
  template std::vector<std::string> diff<T>(const T&, const T&);                                \
  template bool is_same<T>(const T&, const T&);                                                 \
  template T override_config<T>(const T&, const std::vector<std::string>&, const std::string&); \
  template std::string help_keys<T>(const std::string&);

MOLMO_INSTANTIATE_CONFIG(ModelConfig)
MOLMO_INSTANTIATE_CONFIG(MolmoConfig)
MOLMO_INSTANTIATE_CONFIG(TrainConfig)

}  // namespace molmo::config
