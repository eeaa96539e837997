// SPDX-License-Identifier: Apache-2.0
#include "import/findings.h"

#include <algorithm>
#include <utility>

namespace isobar::importer {

Findings::File::File(const std::string& its_name, std::string its_text)
    : name(its_name), text(std::move(its_text)), source(name, text) {}

std::optional<std::size_t> Findings::add_file(const std::string& name, std::string text) {
    if (text.size() > config::kLargestFile) {
        errors_.push_back({{files_.size(), 0, 0}, config::too_large(name, text.size())});
        files_.emplace_back(name, std::string());
        return std::nullopt;
    }
    const std::size_t zero = text.find('\0');
    const std::string_view before = std::string_view(text).substr(0, zero);
    const auto line = static_cast<unsigned>(std::ranges::count(before, '\n')) + 1;
    files_.emplace_back(name, std::move(text));
    const std::size_t file = files_.size() - 1;
    if (zero == std::string::npos) return file;
    error({file, line, 1}, "this is not a text file: a zero byte");
    return std::nullopt;
}

std::string_view Findings::text(std::size_t file) const {
    return files_[file].source.text();
}

const std::string& Findings::file_name(std::size_t file) const {
    return files_[file].name;
}

void Findings::error(const Place& at, const std::string& message, const std::string& hint) {
    if (!enough()) errors_.push_back(finding(at, message, hint));
}

void Findings::note(const Place& at, const std::string& message, const std::string& hint) {
    if (notes_.size() > kMostNotes) return;
    const bool last = notes_.size() == kMostNotes;
    notes_.push_back(finding(at, last ? "and more, which are not listed" : message, hint));
    notes_.back().diagnostic.severity = config::Severity::Note;
}

Findings::Finding Findings::finding(const Place& at, const std::string& message,
                                    const std::string& hint) const {
    if (at.line > 0) {
        return {at, files_[at.file].source.at({at.line, at.column}, message, hint)};
    }
    config::Diagnostic whole;
    whole.file = files_[at.file].name;
    whole.message = message;
    whole.hint = hint;
    return {at, whole};
}

std::vector<config::Diagnostic> Findings::in_order(std::vector<Finding> findings) {
    std::ranges::stable_sort(findings, {}, &Finding::at);
    std::vector<config::Diagnostic> all;
    all.reserve(findings.size());
    for (auto& each : findings) all.push_back(std::move(each.diagnostic));
    return all;
}

}  // namespace isobar::importer
