// SPDX-License-Identifier: Apache-2.0
#include "config/config_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/choices.h"
#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::config {
namespace {

namespace fs = std::filesystem;

void merge(Json& target, const Json& source) {
  if (!target.is_object() || !source.is_object()) return void(target = source);
  for (const auto& [key, value] : source.items()) merge(target[key], value);
}

void collect_keys(const Json& json, const std::string& prefix, std::vector<std::string>& keys) {
  for (const auto& [key, value] : json.items()) {
    if (value.is_object()) {
      collect_keys(value, prefix + key + ".", keys);
    } else {
      keys.push_back(prefix + key);
    }
  }
}

// Takes "base" out of a file's JSON: the path of the next file, or nothing.
fs::path take_base(Json& json, const fs::path& file) {
  const auto found = json.find("base");
  if (found == json.end()) return {};
  const std::string name = found->is_string() ? found->get<std::string>() : "";
  const fs::path base = file.parent_path() / name;
  if (name.empty() || !fs::is_regular_file(base)) {
    throw Error(fmt::format("[config] {}: 'base': got {}, expected the path of a file, relative to this one",
                            file.string(), brief(*found)));
  }
  json.erase("base");
  return base;
}

class Override {
 public:
  Override(const std::vector<RemovedKey>& removed, const std::string& where) : removed_(removed), where_(where) {}

  void apply(Json& target, const Json& source, const std::string& prefix) const {
    if (!target.is_object()) target = Json::object();
    for (const auto& [name, value] : source.items()) {
      const std::string key = prefix + name;
      const auto is_key = [&](const RemovedKey& removed) { return removed.key == key; };
      const auto removal = std::find_if(removed_.begin(), removed_.end(), is_key);
      if (removal != removed_.end()) {
        remove(target, name, *removal);
      } else if (value.is_object() && !value.empty()) {
        apply(target[name], value, key + ".");
      } else {
        target[name] = value;
      }
    }
  }

 private:
  void remove(Json& target, const std::string& name, const RemovedKey& removal) const {
    if (target.erase(name) > 0 || !removal.is_entry) return;
    std::vector<std::string> names;
    for (const auto& [other, value] : target.items()) names.push_back(other);
    throw Error(fmt::format("[config] {}: '{}' is not there to be removed, {}", where_, removal.key,
                            names.empty() ? "got an object without entries" : expected_one_of(name, names)));
  }

  const std::vector<RemovedKey>& removed_;
  const std::string& where_;
};

// "a.b=c" -> {"a": {"b": c}}
Json parse_override(const std::string& text) {
  const size_t equals = text.find('=');
  const std::vector<std::string> names = split_text(text.substr(0, equals), '.');
  if (equals == std::string::npos || std::find(names.begin(), names.end(), "") != names.end()) {
    throw Error(fmt::format("[config] --set {}: expected key=value with a key like optimizer.llm.learning_rate", text));
  }
  const std::string value = text.substr(equals + 1);
  Json json = Json::accept(value) ? parse_json(value, "--set " + text) : Json(value);
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    Json object = Json::object();
    object[*name] = std::move(json);
    json = std::move(object);
  }
  return json;
}

}  // namespace

ConfigLayers read_layers(const fs::path& path) {
  ConfigLayers layers;
  std::vector<fs::path> chain;
  for (fs::path file = path; !file.empty();) {
    chain.push_back(fs::weakly_canonical(file));
    Json json = read_json(file);
    if (!json.is_object()) {
      throw Error(fmt::format("[config] {}: got a JSON {}, expected an object", file.string(), json.type_name()));
    }
    const fs::path base = take_base(json, file);
    if (!base.empty() && std::find(chain.begin(), chain.end(), fs::weakly_canonical(base)) != chain.end()) {
      throw Error(fmt::format("[config] {}: 'base' leads in a circle, back to {}", file.string(), base.string()));
    }
    layers.emplace(layers.begin(), file.string(), std::move(json));
    file = base;
  }
  return layers;
}

ConfigLayers parse_overrides(const std::vector<std::string>& overrides) {
  ConfigLayers layers;
  for (const std::string& text : overrides) layers.emplace_back("--set " + text, parse_override(text));
  return layers;
}

Json merge_layers(const ConfigLayers& layers) {
  Json merged = Json::object();
  for (const auto& [where, json] : layers) merge(merged, json);
  return merged;
}

void apply_override(Json& target, const Json& override, const std::vector<RemovedKey>& removed,
                    const std::string& where) {
  Override(removed, where).apply(target, override, "");
}

std::vector<std::string> keys_of(const Json& json) {
  std::vector<std::string> keys;
  collect_keys(json, "", keys);
  return keys;
}

Json read_config_file(const fs::path& path) { return merge_layers(read_layers(path)); }

}  // namespace molmo::config
