// SPDX-License-Identifier: Apache-2.0
#include "config/describe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "config/load.h"

namespace isobar::config {
namespace {

std::filesystem::path source_root() {
    return std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
}

std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

const FieldDoc& doc_of(const std::vector<FieldDoc>& docs, const std::string& key) {
    const auto found =
        std::find_if(docs.begin(), docs.end(), [&](const FieldDoc& doc) { return doc.key == key; });
    EXPECT_NE(found, docs.end()) << key;
    return *found;
}

TEST(Description, EveryKeyHasATypeAndASentenceAndStandsOnce) {
    std::set<std::string> seen;
    for (const FieldDoc& doc : describe()) {
        EXPECT_TRUE(seen.insert(doc.key).second) << doc.key;
        EXPECT_TRUE(doc.sentence.ends_with('.')) << doc.key;
        EXPECT_LE(doc.sentence.size(), 200U) << doc.key;
        if (doc.presence == Presence::Later) continue;
        EXPECT_FALSE(doc.type.empty()) << doc.key;
        EXPECT_EQ(doc.presence == Presence::Required, !doc.example.empty()) << doc.key;
    }
    EXPECT_GT(seen.size(), 20U);
}

TEST(Description, TellsDefaultRangeAndUnitFromTheSameTableAsTheLoader) {
    const auto docs = describe();

    EXPECT_EQ(doc_of(docs, "director.connections").default_value, "1048576");
    EXPECT_EQ(doc_of(docs, "director.connections").range, "1024 to 16777216, a power of two");
    EXPECT_EQ(doc_of(docs, "director.timeouts.tcp").default_value, "\"900s\"");
    EXPECT_EQ(doc_of(docs, "director.timeouts.tcp").unit, "s, m, h or d");
    EXPECT_EQ(doc_of(docs, "director.hook").default_value, "\"auto\"");
    EXPECT_EQ(doc_of(docs, "service.servers.weight").range, "0 to 2147483647");
    EXPECT_EQ(doc_of(docs, "service.name").presence, Presence::Required);
    EXPECT_EQ(doc_of(docs, "instance").presence, Presence::Later);
    EXPECT_EQ(doc_of(docs, "service.load.from").presence, Presence::Required);
    EXPECT_EQ(doc_of(docs, "service.check.interval").default_value, "\"5s\"");
}

TEST(Description, ADefaultThatIsWrittenOutChangesNothing) {
    const std::string rest = "[[service]]\nname = \"web\"\nlisten = [\"10.0.0.2:80/tcp\"]\n";
    const auto without = parse(rest, "test");
    ASSERT_TRUE(without.config);
    unsigned tried = 0;
    for (const FieldDoc& doc : describe()) {
        const bool literal =
            doc.default_value.find_first_not_of("0123456789") == std::string::npos ||
            doc.default_value.front() == '"' || doc.default_value == "true";
        // a table that is not there by default
        const bool within = std::count(doc.key.begin(), doc.key.end(), '.') > 1;
        if (doc.default_value.empty() || !literal || within) continue;
        const bool of_service = doc.key.starts_with("service.");
        std::string text = of_service ? rest + doc.key.substr(8) : doc.key;
        text.append(" = ").append(doc.default_value).append("\n");
        if (!of_service) text += rest;

        const auto with = parse(text, "test");

        ASSERT_TRUE(with.config) << with.errors.front().text();
        EXPECT_EQ(*with.config, *without.config) << doc.key;
        ++tried;
    }
    EXPECT_GE(tried, 8U);
}

// To write the section anew: ISOBAR_UPDATE_DOCS=1 test-config.
TEST(Manual, ListsEveryKeyAsTheDescriptorsSay) {
    const auto path = source_root() / "docs" / "isobar.toml.5.scd";
    const std::string page = content_of(path);
    const std::string begin =
        "; begin of what the key descriptors generate (src/config/describe.cpp)\n";
    const std::string end = "; end of what the key descriptors generate\n";
    const std::size_t first = page.find(begin);
    const std::size_t last = page.find(end);
    ASSERT_NE(first, std::string::npos) << path;
    ASSERT_NE(last, std::string::npos) << path;

    const std::size_t from = first + begin.size();
    if (std::getenv("ISOBAR_UPDATE_DOCS") != nullptr) {
        std::ofstream(path) << page.substr(0, from) << manual_keys() << page.substr(last);
        GTEST_SKIP() << "wrote " << path;
    }
    EXPECT_EQ(page.substr(from, last - from), manual_keys())
        << "a key was changed: run this test with ISOBAR_UPDATE_DOCS=1";
}

TEST(Manual, TheExampleOfThePageIsAValidConfiguration) {
    const std::string page = content_of(source_root() / "docs" / "isobar.toml.5.scd");
    const std::size_t first = page.find("```\n") + 4;
    const std::string example = page.substr(first, page.find("```\n", first) - first);

    const auto loaded = parse(example, "example");

    ASSERT_TRUE(loaded.config) << loaded.errors.front().text();
    EXPECT_EQ(loaded.config->services.size(), 2U);
}

TEST(Examples, AreValidConfigurations) {
    unsigned seen = 0;
    for (const auto& entry : std::filesystem::directory_iterator(source_root() / "examples")) {
        if (entry.path().extension() != ".toml") continue;
        const auto loaded = load_file(entry.path());
        EXPECT_TRUE(loaded.config) << loaded.errors.front().text();
        ++seen;
    }
    EXPECT_GE(seen, 1U);
}

}  // namespace
}  // namespace isobar::config
