// SPDX-License-Identifier: Apache-2.0
#include "config/differences.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/printable.h"
#include "config/describe.h"
#include "config/document.h"
#include "config/schema.h"
#include "config/source.h"

namespace isobar::config {
namespace {

const Value* value_of(const Table* table, std::string_view key) {
    if (table == nullptr) return nullptr;
    const auto found = std::ranges::find(*table, key, &Entry::key);
    return found == table->end() ? nullptr : &found->value;
}

// On one line.
std::string inline_text(const Value& value) {
    return std::visit(
        [](const auto& data) -> std::string {
            using Data = std::decay_t<decltype(data)>;
            if constexpr (std::is_same_v<Data, bool>) {
                return data ? "true" : "false";
            } else if constexpr (std::is_same_v<Data, std::int64_t>) {
                return std::to_string(data);
            } else if constexpr (std::is_same_v<Data, std::string>) {
                return '"' + printable(data) + '"';
            } else if constexpr (std::is_same_v<Data, List>) {
                std::vector<std::string> each;
                for (const Value& element : data) each.push_back(inline_text(element));
                return fmt::format("[{}]", fmt::join(each, ", "));
            } else if constexpr (std::is_same_v<Data, Table>) {
                std::vector<std::string> each;
                for (const Entry& entry : data)
                    each.push_back(fmt::format("{} = {}", entry.key, inline_text(entry.value)));
                return each.empty() ? "{}" : fmt::format("{{ {} }}", fmt::join(each, ", "));
            } else {
                return "?";  // no key of ours takes it
            }
        },
        value.data);
}

// A value as it is best written: equal ones have equal texts.
std::string text_of(const FieldDoc& doc, const Value* value) {
    if (value == nullptr) return doc.default_value.empty() ? "none" : doc.default_value;
    const std::string shown = doc.shown ? doc.shown(*value) : "";
    return shown.empty() ? inline_text(*value) : shown;
}

// An element of a list of tables, and what tells it from the others.
struct Element {
    std::string name;
    const Value* value = nullptr;
};

std::string plain_text(const Value* value) {
    const auto* text = value == nullptr ? nullptr : value->as<std::string>();
    return text == nullptr ? "" : printable(*text);
}

std::string name_of(const Value& element, std::size_t position) {
    const auto* table = element.as<Table>();
    if (table == nullptr) return plain_text(&element);
    for (const char* key : {"name", "address"})
        if (const Value* named = value_of(table, key)) return plain_text(named);
    if (const Value* from = value_of(table, "from"))
        return fmt::format("{} out {}", plain_text(from), plain_text(value_of(table, "out")));
    return std::to_string(position);
}

// A table stands for a list of one.
std::vector<Element> elements_of(const Value* value) {
    std::vector<Element> elements;
    if (value == nullptr) return elements;
    const auto* list = value->as<List>();
    if (list == nullptr) return {{name_of(*value, 1), value}};
    for (const Value& each : *list) elements.push_back({name_of(each, elements.size() + 1), &each});
    return elements;
}

// Calls `removed`, `added` and `kept` for each element.
void match(const std::vector<Element>& before, const std::vector<Element>& after,
           const std::function<void(const Element&)>& removed,
           const std::function<void(const Element&)>& added,
           const std::function<void(const Element& was, const Element& is)>& kept) {
    std::map<std::string_view, const Element*> was, is;
    for (const Element& each : before) was.emplace(each.name, &each);
    for (const Element& each : after) is.emplace(each.name, &each);
    for (const Element& each : before)
        if (!is.contains(each.name)) removed(each);
    for (const Element& each : after) {
        const auto found = was.find(each.name);
        if (found == was.end())
            added(each);
        else
            kept(*found->second, each);
    }
}

// What one element of the list "servers" is called.
std::string one_of(const std::string& list) {
    return list == "servers" || list == "interfaces" ? list.substr(0, list.size() - 1) : list;
}

class Comparison {
public:
    void compare_files(const Table* before, const Table* after) {
        for (const auto& field : file_fields()) {
            const FieldDoc& doc = field.doc;
            const Value* was = value_of(before, doc.key);
            const Value* is = value_of(after, doc.key);
            if (doc.type == "tables") {
                compare_top(doc, was, is);
            } else {
                where_ = doc.key;
                compare_keys(doc.keys, was, is, "");
            }
        }
    }

    std::vector<Difference> found() && { return std::move(found_); }

private:
    // [[service]] and the like.
    void compare_top(const FieldDoc& doc, const Value* before, const Value* after) {
        const auto go_to = [&](const Element& each) { where_ = doc.key + ' ' + each.name; };
        match(
            elements_of(before), elements_of(after),
            [&](const Element& gone) {
                go_to(gone);
                add(Step::Removed, "", inline_text(*gone.value), "");
            },
            [&](const Element& come) {
                go_to(come);
                add(Step::Added, "", "", inline_text(*come.value));
            },
            [&](const Element& was, const Element& is) {
                go_to(is);
                compare_keys(doc.keys, was.value, is.value, "");
            });
    }

    void compare_keys(const std::vector<FieldDoc>& docs, const Value* before, const Value* after,
                      const std::string& prefix) {
        const auto* was = before == nullptr ? nullptr : before->as<Table>();
        const auto* is = after == nullptr ? nullptr : after->as<Table>();
        for (const FieldDoc& doc : docs)
            compare(doc, value_of(was, doc.key), value_of(is, doc.key), prefix);
    }

    void compare(const FieldDoc& doc, const Value* before, const Value* after,
                 const std::string& prefix) {
        const bool both = before != nullptr && after != nullptr;
        if (doc.keys.empty() || (doc.type == "table" && !both)) {
            const std::string was = text_of(doc, before), is = text_of(doc, after);
            if (was != is) add(Step::Changed, prefix + doc.key, was, is);
        } else if (doc.type == "table") {
            compare_keys(doc.keys, before, after, prefix + doc.key + '.');
        } else {
            compare_elements(doc, before, after, prefix);
        }
    }

    void compare_elements(const FieldDoc& doc, const Value* before, const Value* after,
                          const std::string& prefix) {
        const auto key_of = [&](const Element& each) {
            return prefix + one_of(doc.key) + ' ' + each.name;
        };
        match(
            elements_of(before), elements_of(after),
            [&](const Element& gone) {
                add(Step::Removed, key_of(gone), inline_text(*gone.value), "");
            },
            [&](const Element& come) {
                add(Step::Added, key_of(come), "", inline_text(*come.value));
            },
            [&](const Element& was, const Element& is) {
                compare_keys(doc.keys, was.value, is.value, key_of(is) + ' ');
            });
    }

    void add(Step step, std::string key, std::string before, std::string after) {
        found_.push_back({step, where_, std::move(key), std::move(before), std::move(after)});
    }

    std::string where_;
    std::vector<Difference> found_;
};

// Nothing if it does not even parse.
Value document_of(std::string_view text) {
    const Source source("", text);
    if (source.refusal()) return {};
    auto document = parse_document(source);
    return document ? *std::move(document) : Value{};
}

}  // namespace

std::string_view name(Step step) {
    switch (step) {
        case Step::Added:
            return "added";
        case Step::Removed:
            return "removed";
        case Step::Changed:
            break;
    }
    return "changed";
}

std::vector<Difference> differences(std::string_view before, std::string_view after) {
    if (before == after) return {};
    const Value was = document_of(before), is = document_of(after);
    Comparison comparison;
    comparison.compare_files(was.as<Table>(), is.as<Table>());
    return std::move(comparison).found();
}

}  // namespace isobar::config
