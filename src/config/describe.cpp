// SPDX-License-Identifier: Apache-2.0
#include "config/describe.h"

#include <fmt/format.h>

#include "config/schema.h"

namespace isobar::config {
namespace {

void flatten(const std::vector<FieldDoc>& fields, const std::string& prefix,
             std::vector<FieldDoc>& into) {
    for (const FieldDoc& field : fields) {
        FieldDoc flat = field;
        flat.key = prefix + field.key;
        flat.keys.clear();
        const std::string inner = flat.key + ".";
        into.push_back(std::move(flat));
        flatten(field.keys, inner, into);
    }
}

// What scdoc would take for the begin of bold or underlined text.
std::string plain(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '_' || c == '*' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

std::string labelled(std::string_view label, const std::string& fact) {
    return fact.empty() ? "" : fmt::format(" {}: {}.", label, plain(fact));
}

std::string manual_entry(const FieldDoc& doc, const std::string& name) {
    std::string text = fmt::format("*{}* = _{}_\n\t{}", plain(name), doc.type, plain(doc.sentence));
    if (doc.presence == Presence::Required) text += " Required.";
    text += labelled("Unit", doc.unit);
    text += labelled("Range", doc.range);
    text += labelled("Default", doc.default_value);
    return text + "\n\n";
}

std::string manual_entries(const std::vector<FieldDoc>& fields, const std::string& prefix) {
    std::string text;
    for (const FieldDoc& doc : fields) {
        if (doc.presence == Presence::Later) continue;
        text += manual_entry(doc, prefix + doc.key);
        text += manual_entries(doc.keys, prefix + doc.key + ".");
    }
    return text;
}

}  // namespace

std::vector<FieldDoc> describe() {
    std::vector<FieldDoc> top;
    for (const auto& field : file_fields()) top.push_back(field.doc);
    std::vector<FieldDoc> all;
    flatten(top, "", all);
    return all;
}

std::string manual_keys() {
    std::string text;
    for (const auto& field : file_fields()) {
        const FieldDoc& doc = field.doc;
        if (doc.presence == Presence::Later) continue;
        const bool several = doc.type == "tables";
        text += fmt::format("## {}{}{}\n\n{}\n\n", several ? "[[" : "[", doc.key,
                            several ? "]]" : "]", plain(doc.sentence));
        text += manual_entries(doc.keys, "");
    }
    text += "## Keys of later versions\n\nThese are known and refused until then:\n\n";
    for (const FieldDoc& doc : describe()) {
        if (doc.presence != Presence::Later) continue;
        text += fmt::format("*{}*\n\t{}\n\n", plain(doc.key), plain(doc.sentence));
    }
    return text;
}

}  // namespace isobar::config
