// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/random.h"

namespace molmo::text {
namespace {

constexpr size_t kDocumentBytes = 2048;

constexpr std::string_view kEnglish[] = {
    "the",        "of",          "a",        "and",        "in",           "is",         "to",           "with",
    "on",         "that",        "it",       "are",        "image",        "for",        "there",        "this",
    "at",         "as",          "an",       "left",       "right",        "can",        "be",           "from",
    "by",         "white",       "which",    "two",        "side",         "its",        "background",   "man",
    "blue",       "black",       "has",      "top",        "person",       "visible",    "appears",      "one",
    "woman",      "red",         "green",    "bottom",     "photo",        "center",     "behind",       "wearing",
    "small",      "front",       "wooden",   "large",      "building",     "scene",      "table",        "dark",
    "light",      "standing",    "holding",  "slightly",   "corner",       "window",     "grass",        "sky",
    "several",    "yellow",      "their",    "street",     "brown",        "text",       "sign",         "foreground",
    "clock",      "three",       "wall",     "bright",     "positioned",   "capturing",  "atmosphere",   "between",
    "around",     "letters",     "chart",    "percentage", "respectively", "photograph", "surrounded",   "reflection",
    "horizontal", "intricate",   "it's",     "doesn't",    "they're",      "bicycles",   "streetlights", "weathered",
    "sunlight",   "perspective", "overcast", "Japanese",   "Question",     "Answer",     "How",          "many",
    "What",       "Point",       "Count",    "Describe",   "screenshot",   "menu",       "button",       "settings",
    "documentary"};
constexpr std::string_view kSyllables[] = {"ba",  "cor",  "den", "el", "fra", "gus", "har", "in",  "jo",  "kel",
                                           "lan", "mor",  "nu",  "or", "pel", "qua", "ri",  "sen", "tor", "un",
                                           "vel", "wick", "xan", "ya", "zer", "son", "ton", "berg"};
constexpr std::string_view kRussian[] = {"на",       "изображении", "видно", "красный", "дом",     "и",   "два",
                                         "человека", "стоят",       "рядом", "с",       "деревом", "под", "голубым",
                                         "небом",    "сколько",     "машин", "опишите", "картинку"};
constexpr std::string_view kChinese[] = {"图片", "中",   "有", "一只", "猫",   "坐在", "窗台", "上",   "旁边",
                                         "是",   "红色", "的", "花",   "今天", "天气", "很好", "我们", "去",
                                         "公园", "散步", "，", "。",   "数量", "多少", "描述"};
constexpr std::string_view kJapanese[] = {"これは", "東京",   "の",     "写真", "です",   "、",  "猫が",
                                          "いま",   "座って", "います", "。",   "カメラ", "赤い"};
constexpr std::string_view kHindi[] = {"चित्र", "में",    "एक",  "लाल", "घर", "है",    "और",
                                       "दो",   "आदमी", "पास", "खड़े",  "हैं",  "नीला", "आकाश"};
constexpr std::string_view kArabic[] = {"في",    "الصورة", "بيت",    "أحمر",    "و",  "رجلان",
                                        "يقفان", "تحت",    "السماء", "الزرقاء", "كم", "عدد"};
constexpr std::string_view kFrench[] = {"l'été", "où",      "se",   "trouve", "la",     "fenêtre", "derrière",
                                        "le",    "château", "très", "âgé",    "façade", "d'œuvre"};
constexpr std::string_view kNames[] = {"index", "value",  "count", "result",     "image",    "tensor",
                                       "batch", "config", "path",  "num_tokens", "maxCrops", "self"};
constexpr std::string_view kObjects[] = {"red bicycle",   "dogs",    "windows", "people in the back",
                                         "traffic light", "bottles", "leaf"};

// Writes one document of one kind after the other.
class TextMaker {
 public:
  explicit TextMaker(uint32_t seed) : random_(seed) {}

  std::string document() {
    std::string text;
    while (text.size() < kDocumentBytes) {
      const double kind = random_.random();
      if (kind < 0.62)
        english(&text);
      else if (kind < 0.70)
        points(&text);
      else if (kind < 0.80)
        code(&text);
      else if (kind < 0.86)
        numbers(&text);
      else
        other_script(&text);
    }
    return text;
  }

 private:
  int64_t below(int64_t n) { return random_.randint(0, n); }

  template <size_t kCount>
  std::string_view pick(const std::string_view (&list)[kCount]) {
    return list[below(kCount)];
  }

  // Early words of the list come often, late ones rarely; one word in twelve is made up and mostly new.
  std::string english_word() {
    if (below(12) != 0) {
      const double place = std::exp(random_.random() * std::log(double(std::size(kEnglish)))) - 1;
      return std::string(kEnglish[static_cast<size_t>(place)]);
    }
    std::string word;
    for (int64_t i = below(3) + 2; i > 0; --i) word += pick(kSyllables);
    if (below(2) == 0) word[0] = static_cast<char>(word[0] - 32);
    return word;
  }

  void english(std::string* text) {
    for (int64_t sentence = below(4) + 1; sentence > 0; --sentence) {
      std::string word = english_word();
      if (word[0] >= 'a') word[0] = static_cast<char>(word[0] - 32);
      *text += word;
      for (int64_t i = below(16) + 4; i > 0; --i) text->append(below(14) == 0 ? ", " : " ").append(english_word());
      *text += below(8) == 0 ? "? " : ". ";
    }
    *text += below(3) == 0 ? "\n\n" : "\n";
  }

  std::string coordinate() { return fmt::format("{:.1f}", static_cast<double>(below(1001)) / 10); }

  void points(std::string* text) {
    const std::string_view label = pick(kObjects);
    const int64_t count = below(8) + 1;
    *text += count == 1 ? "<point" : "<points";
    for (int64_t i = 1; i <= count; ++i) {
      const std::string number = count == 1 ? "" : std::to_string(i);
      *text += fmt::format(" x{}=\"{}\" y{}=\"{}\"", number, coordinate(), number, coordinate());
    }
    *text += fmt::format(" alt=\"{}\">{}</point{}>\n", label, label, count == 1 ? "" : "s");
  }

  void code(std::string* text) {
    *text += fmt::format("def {}_{}({}, {}):\n", pick(kNames), pick(kNames), pick(kNames), pick(kNames));
    for (int64_t i = below(6) + 2; i > 0; --i) {
      *text += fmt::format("    {} = {}[{}] + {}.{}({} * {})  # {}\n", pick(kNames), pick(kNames), below(64),
                           pick(kNames), pick(kNames), below(1000), pick(kNames), english_word());
    }
    *text += fmt::format("    return {{\"{}\": {}}}\n\n", pick(kNames), pick(kNames));
  }

  void numbers(std::string* text) {
    for (int64_t row = below(5) + 2; row > 0; --row) {
      *text += fmt::format("{} | {} | {}% | ${},{:03}.{:02} | {}-{:02}-{:02}\n", 1900 + below(150), below(100000),
                           coordinate(), below(1000), below(1000), below(100), 2000 + below(30), below(12) + 1,
                           below(28) + 1);
    }
  }

  template <size_t kCount>
  void words(const std::string_view (&list)[kCount], std::string_view separator, std::string* text) {
    for (int64_t i = below(20) + 5; i > 0; --i) text->append(pick(list)).append(separator);
    *text += '\n';
  }

  void other_script(std::string* text) {
    switch (below(6)) {
      case 0:
        return words(kRussian, " ", text);
      case 1:
        return words(kChinese, "", text);
      case 2:
        return words(kJapanese, "", text);
      case 3:
        return words(kHindi, " ", text);
      case 4:
        return words(kArabic, " ", text);
      default:
        return words(kFrench, " ", text);
    }
  }

  RandomState random_;
};

// Seconds of one pass; counts the tokens.
double time_pass(const Tokenizer& tokenizer, const std::vector<std::string_view>& documents, int64_t* num_tokens) {
  const auto start = std::chrono::steady_clock::now();
  *num_tokens = 0;
  for (const std::string_view document : documents)
    *num_tokens += static_cast<int64_t>(tokenizer.encode(document).size());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

std::string make_benchmark_text(size_t bytes) {
  TextMaker maker(2409);
  std::string text;
  while (text.size() < bytes) text.append(maker.document()).push_back('\0');
  return text;
}

std::vector<std::string_view> split_documents(std::string_view text) {
  std::vector<std::string_view> documents;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\0'), text.size());
    documents.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return documents;
}

TokenizerSpeed measure_tokenizer_speed(const Tokenizer& tokenizer, const std::vector<std::string_view>& documents,
                                       int num_repeats) {
  size_t num_bytes = 0;
  for (const std::string_view document : documents) num_bytes += document.size();
  const double mib = static_cast<double>(num_bytes) / (1 << 20);
  tokenizer.encode("");  // builds the character table, which is not the tokenizer's work
  TokenizerSpeed speed;
  speed.first_mib_per_s = mib / time_pass(tokenizer, documents, &speed.num_tokens);
  std::vector<double> seconds(static_cast<size_t>(std::max(num_repeats, 1)));
  for (double& value : seconds) value = time_pass(tokenizer, documents, &speed.num_tokens);
  std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
  speed.repeated_mib_per_s = mib / seconds[seconds.size() / 2];
  return speed;
}

}  // namespace molmo::text
