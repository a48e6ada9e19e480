// SPDX-License-Identifier: Apache-2.0
#include "text/char_table.h"

#include <utf8proc.h>

#include <algorithm>
#include <map>

namespace molmo::text {
namespace {

struct Range {
  char32_t first, last;
};

// Letters and numbers of Unicode 15 to 16, which the Oniguruma of the reference tokenizers knows and utf8proc 2.8
// (Unicode 14) does not.
constexpr Range kNewLetters[] = {
    {0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},   {0xA7DA, 0xA7DC},   {0x105C0, 0x105F3}, {0x10D4A, 0x10D65},
    {0x10D6F, 0x10D85}, {0x10EC2, 0x10EC4}, {0x1123F, 0x11240}, {0x11380, 0x11389}, {0x1138B, 0x1138B},
    {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x113B7, 0x113B7}, {0x113D1, 0x113D1}, {0x113D3, 0x113D3},
    {0x11BC0, 0x11BE0}, {0x11F02, 0x11F02}, {0x11F04, 0x11F10}, {0x11F12, 0x11F33}, {0x1342F, 0x1342F},
    {0x13441, 0x13446}, {0x13460, 0x143FA}, {0x16100, 0x1611D}, {0x16D40, 0x16D6C}, {0x18CFF, 0x18CFF},
    {0x1B132, 0x1B132}, {0x1B155, 0x1B155}, {0x1DF25, 0x1DF2A}, {0x1E030, 0x1E06D}, {0x1E4D0, 0x1E4EB},
    {0x1E5D0, 0x1E5ED}, {0x1E5F0, 0x1E5F0}, {0x2B739, 0x2B739}, {0x2EBF0, 0x2EE5D}, {0x31350, 0x323AF}};
constexpr Range kNewNumbers[] = {{0x10D40, 0x10D49}, {0x116D0, 0x116E3}, {0x11BF0, 0x11BF9}, {0x11F50, 0x11F59},
                                 {0x16130, 0x16139}, {0x16D70, 0x16D79}, {0x1CCF0, 0x1CCF9}, {0x1D2C0, 0x1D2D3},
                                 {0x1E4F0, 0x1E4F9}, {0x1E5F1, 0x1E5FA}};

// PARITY: marks that the reference's normaliser (tables of about Unicode 9) does not know: it neither reorders nor
// composes them.
constexpr Range kMarksUnknownToReference[] = {
    {0x07FD, 0x07FD},   {0x0898, 0x089F},   {0x08CA, 0x08D3},   {0x09FE, 0x09FE},   {0x0C3C, 0x0C3C},
    {0x0D3B, 0x0D3C},   {0x0EBA, 0x0EBA},   {0x1715, 0x1715},   {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},
    {0xA82C, 0xA82C},   {0x10D24, 0x10D27}, {0x10EAB, 0x10EAC}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85},
    {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x11839, 0x1183A}, {0x11930, 0x11930},
    {0x1193D, 0x1193E}, {0x11943, 0x11943}, {0x119E0, 0x119E0}, {0x11A34, 0x11A34}, {0x11A47, 0x11A47},
    {0x11A99, 0x11A99}, {0x11D42, 0x11D42}, {0x11D44, 0x11D45}, {0x11D97, 0x11D97}, {0x16FF0, 0x16FF1},
    {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}};

// White_Space beyond the separator categories, and the separators themselves, are few: spelled out.
constexpr Range kWhiteSpace[] = {{0x09, 0x0D},     {0x20, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},
                                 {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F},
                                 {0x205F, 0x205F}, {0x3000, 0x3000}};

CharClass class_of_category(int category) {
  if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) return kLetter;
  if (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO) return kNumber;
  return kOther;
}

template <size_t kCount>
void set_class(const Range (&ranges)[kCount], CharClass char_class, std::vector<uint8_t>* flags) {
  for (const Range& range : ranges) std::fill(&(*flags)[range.first], &(*flags)[range.last] + 1, char_class);
}

void flag_nfc(char32_t c, const utf8proc_property_t& property, std::vector<uint8_t>* flags) {
  if (property.combining_class != 0) (*flags)[c] |= CharTable::kNfcCheck;
  if (property.decomp_type != 0 || property.decomp_seqindex == UINT16_MAX) return;  // no canonical decomposition
  std::array<utf8proc_int32_t, 16> parts{};
  int last_boundclass = 0;
  utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts.data(), parts.size(),
                                                   UTF8PROC_DECOMPOSE, &last_boundclass);
  for (utf8proc_ssize_t i = 1; i < count; ++i)
    (*flags)[parts[i]] |= CharTable::kNfcCheck;  // may join what stands before
  count =
      utf8proc_normalize_utf32(parts.data(), count, static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  if (count != 1 || parts[0] != static_cast<utf8proc_int32_t>(c)) (*flags)[c] |= CharTable::kNfcCheck;
}

std::vector<uint8_t> flat_flags() {
  std::vector<uint8_t> flags(0x110000, kOther);
  for (char32_t c = 0; c < flags.size(); ++c) {
    const utf8proc_property_t& property = *utf8proc_get_property(static_cast<utf8proc_int32_t>(c));
    flags[c] |= class_of_category(property.category);
  }
  set_class(kNewLetters, kLetter, &flags);
  set_class(kNewNumbers, kNumber, &flags);
  set_class(kWhiteSpace, kSpace, &flags);
  for (char32_t c = 0; c < flags.size(); ++c) {
    flag_nfc(c, *utf8proc_get_property(static_cast<utf8proc_int32_t>(c)), &flags);
  }
  for (char32_t c = 0x1161; c <= 0x1175; ++c)
    flags[c] |= CharTable::kNfcCheck;  // Hangul vowels and finals join by rule
  for (char32_t c = 0x11A8; c <= 0x11C2; ++c) flags[c] |= CharTable::kNfcCheck;
  for (const Range& range : kMarksUnknownToReference) {
    for (char32_t c = range.first; c <= range.last; ++c) flags[c] |= CharTable::kNfcCheck | CharTable::kNfcIsolated;
  }
  return flags;
}

}  // namespace

CharTable::CharTable() {
  const std::vector<uint8_t> flags = flat_flags();
  std::map<std::string_view, uint16_t> known;
  for (size_t block = 0; block < index_.size(); ++block) {
    const std::string_view bytes(reinterpret_cast<const char*>(flags.data()) + block * 128, 128);
    const auto [entry, is_new] = known.emplace(bytes, static_cast<uint16_t>(known.size()));
    if (is_new) blocks_.insert(blocks_.end(), bytes.begin(), bytes.end());
    index_[block] = entry->second;
  }
}

const CharTable& char_table() {
  static const CharTable table;
  return table;
}

}  // namespace molmo::text
