#include "sim/kernels/samples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "sim/core/diagnostic.h"
#include "tests/unit/kernels/test_device.h"

namespace plumbline {
namespace {

using testing::HasSubstr;

TEST(Sha256, AgreesWithTheExamplesOfFips180) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Samples, AreReadWhenTheirBytesAreTheProfiles) {
  const SampleFolder folder("samples_read");
  EXPECT_EQ(read_samples(folder.write("gemm", "bf16", "m\n1\n2\n")).rows(), 2u);
}

TEST(Samples, AreRefusedWhenAByteDiffers) {
  const SampleFolder folder("samples_differ");
  SampleFile file = folder.write("gemm", "bf16", "m\n1\n2\n");
  std::ofstream(file.path) << "m\n1\n3\n";
  try {
    read_samples(file);
    FAIL() << "changed samples were read";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("its SHA-256 is " + sha256_hex("m\n1\n3\n")));
    EXPECT_THAT(error.what(), HasSubstr("fitted to " + file.sha256));
  }
}

TEST(Samples, SayWhichFileIsMissing) {
  SampleFile file;
  file.path = "/nowhere/gemm.csv";
  EXPECT_THROW(read_samples(file), InputError);
}

}  // namespace
}  // namespace plumbline
