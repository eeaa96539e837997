// SPDX-License-Identifier: Apache-2.0
#include "control/owned_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/temporary_folder.h"

namespace isobar::control {
namespace {

const model::ServiceKey kWeb{model::Protocol::Tcp, model::Endpoint::parse("10.0.0.2:80").value()};
const model::ServiceKey kDns{model::Protocol::Udp, model::Endpoint::parse("[fd00::2]:53").value()};
const model::ServiceKey kMarked = model::ServiceKey::by_mark(4294967295, model::Family::V6);
constexpr const char* kScope = "boot abc net 4026531840";
constexpr const char* kText =
    "isobar services 1\n"
    "boot abc net 4026531840\n"
    "tcp 10.0.0.2:80\n"
    "udp [fd00::2]:53\n"
    "mark ipv6 4294967295\n"
    "end 3\n";

TEST(OwnedText, IsReadBack) {
    const Owned owned{kWeb, kDns, kMarked};

    EXPECT_EQ(owned_text(owned, kScope), kText);
    EXPECT_EQ(parse_owned(kText, kScope).value(), owned);
    EXPECT_EQ(parse_owned(owned_text({}, kScope), kScope).value(), Owned{});
}

TEST(OwnedText, OfAnotherNamespaceOrBootHoldsNothingOfOurs) {
    EXPECT_EQ(parse_owned(kText, "boot abc net 7").value(), Owned{});
}

TEST(OwnedText, CutOffAnywhereIsInvalid) {
    const std::string whole = kText;
    for (std::size_t length = 0; length < whole.size(); ++length) {
        EXPECT_FALSE(parse_owned(whole.substr(0, length), kScope).has_value()) << length;
    }
}

TEST(OwnedText, AnythingElseIsInvalid) {
    for (const char* text :
         {"", "\n", "isobar services 2\nx\nend 0\n", "[toml]\n",
          "isobar services 1\nx\nicmp 10.0.0.2:80\nend 1\n",
          "isobar services 1\nx\nmark 5\nend 1\n", "isobar services 1\nx\nmark ipv4 0\nend 1\n",
          "isobar services 1\nx\nmark ipv4 4294967296\nend 1\n",
          "isobar services 1\nx\ntcp 10.0.0.2\nend 1\n", "isobar services 1\nx\nend 1\n",
          "isobar services 1\nx\nend 0\nmore\n"}) {
        const auto owned = parse_owned(text, "x");

        ASSERT_FALSE(owned.has_value()) << text;
        EXPECT_EQ(owned.error().fault, Fault::Invalid) << text;
    }
}

class OwnedFileTest : public testing::Test {
protected:
    TemporaryFolder temporary;
    std::filesystem::path folder = temporary.path();
};

TEST_F(OwnedFileTest, MakesItsFolderAndIsForItsOwnerOnly) {
    const OwnedFile file(folder / "a" / "b", kScope);

    ASSERT_TRUE(file.store({kWeb}).has_value());

    struct stat found{};
    ASSERT_EQ(::stat(file.path().c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777U, 0600U);
    EXPECT_EQ(file.load().value(), Owned{kWeb});
}

TEST_F(OwnedFileTest, NeverStoredIsNotFoundAndRemovingItIsFine) {
    const OwnedFile file(folder, kScope);

    EXPECT_EQ(file.load().error().fault, Fault::NotFound);
    EXPECT_TRUE(file.remove().has_value());
}

TEST_F(OwnedFileTest, StoreReplacesWhatWasThereAndLeavesNoDraft) {
    const OwnedFile file(folder, kScope);
    std::ofstream(folder / "services.new") << "left by a crash";
    ASSERT_TRUE(file.store({kWeb, kDns}).has_value());

    ASSERT_TRUE(file.store({kDns}).has_value());

    EXPECT_EQ(file.load().value(), Owned{kDns});
    EXPECT_FALSE(std::filesystem::exists(folder / "services.new"));
}

TEST_F(OwnedFileTest, CorruptFileIsInvalidAndNamed) {
    const OwnedFile file(folder, kScope);
    std::ofstream(file.path()) << "\x7f"
                                  "ELF";

    const auto loaded = file.load();

    ASSERT_FALSE(loaded.has_value());
    EXPECT_EQ(loaded.error().fault, Fault::Invalid);
    EXPECT_NE(loaded.error().message.find(file.path().string()), std::string::npos);
}

TEST_F(OwnedFileTest, HugeFileIsInvalid) {
    const OwnedFile file(folder, kScope);
    std::ofstream(file.path()) << std::string(std::size_t{10} << 20, 'x');

    EXPECT_EQ(file.load().error().fault, Fault::Invalid);
}

TEST_F(OwnedFileTest, CannotMakeItsFolder) {
    std::ofstream(folder / "file") << "";

    EXPECT_FALSE(OwnedFile(folder / "file" / "below", kScope).store({kWeb}).has_value());
}

TEST(CurrentScope, IsTheSameTwice) {
    EXPECT_EQ(current_scope().value(), current_scope().value());
    EXPECT_TRUE(current_scope().value().starts_with("boot "));
}

}  // namespace
}  // namespace isobar::control
