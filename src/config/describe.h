// SPDX-License-Identifier: Apache-2.0
// What keys a configuration file may have: the same descriptors that read the file, as
// text for manual pages, completion and forms.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace isobar::config {

struct Value;

enum class Presence : std::uint8_t {
    Required,
    Optional,
    Later,  // known, refused by this version
};

struct FieldDoc {
    std::string key;  // "weight"; of describe(): the whole path, "service.servers.weight"
    Presence presence = Presence::Optional;
    std::string type;           // "number"
    std::string unit;           // may be empty
    std::string range;          // may be empty
    std::string default_value;  // as it is written in a file; empty if there is none
    std::string sentence;
    std::string example;         // of a required key: a value for hints and manuals
    std::vector<FieldDoc> keys;  // of a table or a list of tables; empty in describe()
    // A value as it is best written, so that equal ones look alike; empty function: as it stands.
    std::function<std::string(const Value&)> shown{};
};

// Every key, in the order of the manual page; a table comes before its keys.
std::vector<FieldDoc> describe();

// The section KEYS of isobar.toml(5), in scdoc.
std::string manual_keys();

}  // namespace isobar::config
