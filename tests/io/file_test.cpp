// Why a folder cannot be made.
#include <doctest/doctest.h>

#include <cerrno>
#include <cstring>
#include <string>

#include <sys/stat.h>

#include "../support/not_root.hpp"
#include "../support/scratch_folder.hpp"
#include "tinycnn/io/file.hpp"

using namespace tinycnn;

TEST_SUITE("io") {
  TEST_CASE("the error of a folder that cannot be made has the reason of mkdir") {
    const ScratchFolder folder;
    put_file(folder / "file", "x");
    CHECK(error_of([&] { make_directories(folder / "file/a/b"); }) ==
          "cannot create the folder '" + (folder / "file/a") + "': Not a directory");
    CHECK(error_of([&] { make_directories(folder / "file"); }) ==
          "cannot create the folder '" + (folder / "file") + "': File exists");
    REQUIRE(::chmod(folder.path.c_str(), 0555) == 0);
    {
      const NotRoot user;
      CHECK(error_of([&] { make_directories(folder / "a/b"); }) ==
            "cannot create the folder '" + (folder / "a") + "': Permission denied");
    }
    REQUIRE(::chmod(folder.path.c_str(), 0700) == 0);
    // Where nobody may make a folder, not even root: EPERM, or EROFS where it is mounted read-only.
    if (!is_directory("/sys")) return;
    REQUIRE(::mkdir("/sys/tinycnn", 0777) != 0);
    const std::string reason = std::strerror(errno);
    CHECK(error_of([&] { make_directories("/sys/tinycnn/run"); }) ==
          "cannot create the folder '/sys/tinycnn': " + reason);
  }
}
