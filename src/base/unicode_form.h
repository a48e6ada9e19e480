// One spelling for texts that a reader cannot tell apart.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace molmo::unicode {

/// NFC, with characters that differ in form alone (full and half width, ligatures, mathematical letters, no-break
/// spaces) taken for the plain ones. What NFKC would also change stays: superscripts, fractions and circled numbers
/// mean something else than their digits. Text with more than 64 combining marks in a row is left decomposed.
std::u32string plain_form(std::u32string_view text);

}  // namespace molmo::unicode
