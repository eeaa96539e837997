// SPDX-License-Identifier: Apache-2.0
// tests/import/corpus: NAME.FORMAT comes to exactly NAME.FORMAT.toml, and what is said about it
// to NAME.FORMAT.notes. To write these anew: ISOBAR_WRITE_GOLDEN=1, then look at the difference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "config/document.h"
#include "config/load.h"
#include "config/source.h"
#include "import/import.h"

namespace isobar::importer {
namespace {

namespace fs = std::filesystem;

const fs::path kCorpus = fs::path(ISOBAR_SOURCE_DIR) / "tests/import/corpus";

std::string content(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

struct Case {
    fs::path path;
    Format format = Format::LvsCf;
};

std::vector<Case> cases() {
    std::vector<Case> all;
    for (const auto& entry : fs::directory_iterator(kCorpus)) {
        for (const Format format : kFormats) {
            const std::string ending = "." + std::string(name(format));
            if (entry.path().filename().string().ends_with(ending)) {
                all.push_back({entry.path(), format});
            }
        }
    }
    std::ranges::sort(all, {}, &Case::path);
    return all;
}

Surroundings surroundings() {
    Surroundings all;
    all.find_files = [](const std::string& pattern) { return std::vector<std::string>{pattern}; };
    all.read_file = [](const std::string& path) -> std::optional<std::string> {
        const fs::path file = kCorpus / fs::path(path).filename();
        if (!fs::exists(file)) return std::nullopt;
        return content(file);
    };
    all.find_address = [](const std::string& host) -> std::optional<model::Address> {
        if (host == "web1.example.com") return model::Address::v4(10, 0, 1, 1);
        return std::nullopt;
    };
    all.find_port = [](const std::string& port, model::Protocol) -> std::optional<model::Port> {
        if (port == "http") return 80;
        if (port == "smtp") return 25;
        if (port == "https") return 443;
        return std::nullopt;
    };
    all.config_id = "main";
    return all;
}

void expect_golden(const fs::path& path, const std::string& is) {
    if (std::getenv("ISOBAR_WRITE_GOLDEN") != nullptr) {
        std::ofstream(path, std::ios::binary) << is;
    }
    EXPECT_EQ(is, content(path)) << path;
}

Imported imported(const Case& each) {
    return import_text(content(each.path), each.path.filename().string(), each.format,
                       surroundings());
}

class Corpus : public testing::TestWithParam<Case> {};

TEST_P(Corpus, ComesToTheTextThatIsWanted) {
    const Imported got = imported(GetParam());

    for (const auto& error : got.errors) ADD_FAILURE() << error.text();
    std::string notes;
    for (const auto& note : got.notes) notes += note.text() + '\n';
    expect_golden(GetParam().path.string() + ".toml", got.text);
    expect_golden(GetParam().path.string() + ".notes", notes);
}

TEST_P(Corpus, ItsFormatIsFoundByItsContent) {
    EXPECT_EQ(detect(content(GetParam().path)), GetParam().format);
}

TEST_P(Corpus, WhatComesOfItIsToml) {
    const Imported got = imported(GetParam());
    const config::Source source("imported.toml", got.text);

    const auto refusal = source.refusal();
    ASSERT_FALSE(refusal) << refusal->text();
    const auto document = config::parse_document(source);
    EXPECT_TRUE(document) << document.error().text();
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
    std::string text = info.param.path.filename().string();
    std::ranges::replace_if(text, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return text;
}

INSTANTIATE_TEST_SUITE_P(Files, Corpus, testing::ValuesIn(cases()), case_name);

TEST(ImportedCorpus, IsTakenByTheLoader) {
    unsigned loaded = 0;
    for (const Case& each : cases()) {
        const Imported got = imported(each);
        const auto result = config::parse(got.text, each.path.string() + ".toml");
        for (const auto& error : result.errors) ADD_FAILURE() << error.text();
        ++loaded;
    }
    EXPECT_GT(loaded, 0U);
}

}  // namespace
}  // namespace isobar::importer
