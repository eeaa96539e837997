// SPDX-License-Identifier: Apache-2.0
// The descriptors that a configuration file is read by. A Kind knows how one type of value
// is written, read and described; a Field ties a key to a Kind and to the member that takes
// the value. A new key is one Field in schema.cpp: reading, checks of type and range, "did
// you mean" and the manual follow from it.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/describe.h"
#include "config/document.h"
#include "config/reading.h"
#include "config/source.h"

namespace isobar::config {

template <typename V>
struct Kind {
    std::string type;
    std::string unit;
    std::string range;
    // Nothing if there is no value to go on with; then an error was reported.
    std::function<std::optional<V>(const Value&, Reading&)> read;
    // As it is written in a file; empty function: not shown as a default.
    std::function<std::string(const V&)> show;
    std::vector<FieldDoc> keys;  // of a table
};

template <typename T>
struct Field {
    FieldDoc doc;
    std::function<void(const Value&, Reading&, T&)> read;
};

// A value and where it stands, for checks that look at several values.
template <typename V>
struct Located {
    V value;
    Position at;
};

// ---- fields ----

// For FieldDoc::shown.
template <typename V>
std::function<std::string(const Value&)> shown_by(const Kind<V>& kind) {
    if (!kind.show) return {};
    return [read = kind.read, show = kind.show](const Value& value) -> std::string {
        const Source nowhere("", "");
        Reading reading(nowhere);
        const auto got = read(value, reading);
        return got ? show(*got) : std::string();
    };
}

template <typename T, typename M, typename V>
Field<T> field(std::string key, M T::* member, const Kind<V>& kind, std::string sentence) {
    Field<T> field;
    field.doc.key = std::move(key);
    field.doc.type = kind.type;
    field.doc.unit = kind.unit;
    field.doc.range = kind.range;
    field.doc.sentence = std::move(sentence);
    field.doc.keys = kind.keys;
    field.doc.shown = shown_by(kind);
    field.read = [member, read = kind.read](const Value& value, Reading& reading, T& into) {
        std::optional<V> got = read(value, reading);
        if (!got) return;
        V& found = *got;  // moved as a V, also into an optional member
        into.*member = std::move(found);
    };
    return field;
}

template <typename T, typename M, typename V>
Field<T> required(std::string key, M T::* member, const Kind<V>& kind, std::string sentence,
                  std::string example) {
    auto made = field(std::move(key), member, kind, std::move(sentence));
    made.doc.presence = Presence::Required;
    made.doc.example = std::move(example);
    return made;
}

// The default is what the member has in a new T, unless `default_text` says it in words.
template <typename T, typename M, typename V>
Field<T> optional(std::string key, M T::* member, const Kind<V>& kind, std::string sentence,
                  std::string default_text = {}) {
    auto made = field(std::move(key), member, kind, std::move(sentence));
    if constexpr (std::is_same_v<M, V>) {
        if (default_text.empty() && kind.show) default_text = kind.show(T{}.*member);
    }
    made.doc.default_value = std::move(default_text);
    return made;
}

template <typename T>
Field<T> later(std::string key, std::string sentence) {
    Field<T> made;
    made.doc.key = std::move(key);
    made.doc.presence = Presence::Later;
    made.doc.sentence = std::move(sentence);
    return made;
}

template <typename T>
void read_table(const std::vector<Field<T>>& fields, const Table& table, Position at,
                std::string_view title, Reading& reading, T& into) {
    std::vector<const FieldDoc*> docs;
    for (const auto& field : fields) docs.push_back(&field.doc);
    for (const auto& match : reading.match(table, at, title, docs)) {
        const Reading::Key key(reading, docs[match.field]->key);
        fields[match.field].read(*match.value, reading, into);
    }
}

// ---- kinds made of other kinds ----

// A table; `title` names it for people.
template <typename T>
Kind<T> table_of(std::string title, std::vector<Field<T>> fields) {
    Kind<T> kind;
    kind.type = "table";
    for (const auto& field : fields) kind.keys.push_back(field.doc);
    kind.read = [title = std::move(title), fields = std::move(fields)](
                    const Value& value, Reading& reading) -> std::optional<T> {
        const auto* table = value.as<Table>();
        if (table == nullptr) {
            const std::string& first = fields.front().doc.key;
            const bool header = title.starts_with('[');
            reading.wrong_type(value, "a table",
                               header ? "write " + title : "write { " + first + " = ... }");
            return std::nullopt;
        }
        T into{};
        read_table(fields, *table, value.at, title, reading, into);
        return into;
    };
    return kind;
}

// Elements with errors are left out, so that the others are checked as well.
template <typename V>
Kind<std::vector<V>> list_of(const Kind<V>& element) {
    Kind<std::vector<V>> kind;
    kind.type = "list: " + element.type;
    kind.unit = element.unit;
    kind.range = element.range;
    kind.keys = element.keys;
    kind.read = [read = element.read](const Value& value,
                                      Reading& reading) -> std::optional<std::vector<V>> {
        const auto* list = value.as<List>();
        if (list == nullptr) {
            reading.wrong_type(value, "a list", "put it in brackets: [ ... ]");
            return std::nullopt;
        }
        std::vector<V> all;
        for (const Value& each : *list) {
            if (auto got = read(each, reading)) all.push_back(std::move(*got));
        }
        return all;
    };
    return kind;
}

// A list with at least one element, right or wrong.
template <typename V>
Kind<std::vector<V>> not_empty(Kind<std::vector<V>> kind, std::string hint) {
    kind.read = [read = kind.read, hint = std::move(hint)](
                    const Value& value, Reading& reading) -> std::optional<std::vector<V>> {
        const auto* list = value.as<List>();
        if (list != nullptr && list->empty()) reading.error(value.at, "the list is empty", hint);
        return read(value, reading);
    };
    return kind;
}

// [[title]] tables.
template <typename T>
Kind<std::vector<T>> tables_of(const std::string& title, const Kind<T>& element) {
    auto kind = list_of(element);
    kind.type = "tables";
    kind.read = [title, read = kind.read](const Value& value,
                                          Reading& reading) -> std::optional<std::vector<T>> {
        if (value.as<List>() != nullptr) return read(value, reading);
        reading.wrong_type(value, "a list of tables", "write [[" + title + "]]");
        return std::nullopt;
    };
    return kind;
}

template <typename V>
Kind<Located<V>> located(const Kind<V>& of) {
    Kind<Located<V>> kind{of.type, of.unit, of.range, {}, {}, of.keys};
    if (of.show) kind.show = [show = of.show](const Located<V>& each) { return show(each.value); };
    kind.read = [read = of.read](const Value& value,
                                 Reading& reading) -> std::optional<Located<V>> {
        auto got = read(value, reading);
        if (!got) return std::nullopt;
        return Located<V>{std::move(*got), value.at};
    };
    return kind;
}

// ---- plain kinds (kind.cpp) ----

Kind<bool> boolean();
// From `smallest` to `largest`, both included; what it counts is `unit`.
Kind<std::uint32_t> number(std::uint32_t smallest, std::uint32_t largest, std::string unit);
Kind<std::uint32_t> power_of_two(std::uint32_t smallest, std::uint32_t largest, std::string unit);
// "90s", "5m", "2h": whole seconds.
Kind<std::chrono::seconds> duration(std::chrono::seconds smallest, std::chrono::seconds largest);
// "500ms", too.
Kind<std::chrono::milliseconds> fine_duration(std::chrono::milliseconds smallest,
                                              std::chrono::milliseconds largest);
// Any text; `what` says what it is.
Kind<std::string> text(std::string what, std::size_t longest);
// Text that is on one line of a protocol: nothing in it may end that.
Kind<std::string> one_line(std::string what);
// The path of a program, and its arguments; no shell looks at them.
Kind<std::vector<std::string>> program();

// One of a few words; `later_words` are known, but this version cannot do them.
struct Words {
    std::vector<std::string> now;
    std::vector<std::string> later;
};
// The index in words.now.
std::optional<std::size_t> read_word(const Value& value, const Words& words, Reading& reading);
std::string words_range(const Words& words);

// `values` stand in the order of words.now.
template <typename V>
Kind<V> choice(const Words& words, const std::vector<V>& values) {
    Kind<V> kind{"text", "", words_range(words), {}, {}, {}};
    kind.read = [words, values](const Value& value, Reading& reading) -> std::optional<V> {
        const auto index = read_word(value, words, reading);
        if (!index) return std::nullopt;
        return values[*index];
    };
    kind.show = [words, values](const V& value) -> std::string {
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (values[i] == value) return "\"" + words.now[i] + "\"";
        }
        return {};
    };
    return kind;
}

}  // namespace isobar::config
