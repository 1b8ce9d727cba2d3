// What a write may replace: a regular file, also at the end of symbolic links, which keeps its mode and its owner.
#include <doctest/doctest.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "../support/not_root.hpp"
#include "../support/scratch_folder.hpp"
#include "tinycnn/data/picture_cache.hpp"
#include "tinycnn/data/synthetic.hpp"
#include "tinycnn/io/csv.hpp"
#include "tinycnn/io/file.hpp"
#include "tinycnn/io/folder_lock.hpp"
#include "tinycnn/io/npy.hpp"
#include "tinycnn/io/safetensors.hpp"
#include "tinycnn/report/log.hpp"
#include "tinycnn/report/predictions_csv.hpp"

using namespace tinycnn;

namespace {

/// What is at the path itself, not where a link leads.
struct stat status_of(const std::string& path) {
  struct stat status{};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status;
}
unsigned mode_of(const std::string& path) { return status_of(path).st_mode & 07777; }
bool is_link(const std::string& path) { return S_ISLNK(status_of(path).st_mode); }

void link_to(const std::string& target, const std::string& link) {
  REQUIRE(::symlink(target.c_str(), link.c_str()) == 0);
}

void make_socket(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  REQUIRE(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  const int file = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(file, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(file);
}

/// Every way in which the library writes or appends to one file.
using Write = void (*)(const std::string& path);
const std::vector<std::pair<const char*, Write>> writes = {
    {"write_file", [](const std::string& path) { write_file(path, "x"); }},
    {"write_npy", [](const std::string& path) { write_npy(path, nullptr, 0, 1); }},
    {"SafetensorsWriter", [](const std::string& path) { SafetensorsWriter().write(path); }},
    {"write_predictions", [](const std::string& path) { write_predictions(path, std::vector<std::string>{}, {}); }},
    {"write_picture", [](const std::string& path) { detail::write_picture(path, {1, 1, {1, 2, 3}}); }},
    {"CsvWriter", [](const std::string& path) { CsvWriter(path, "a,b").line(1, 2); }},
    {"Log", [](const std::string& path) { Log(path, true).line("x"); }},
};

/// Ends the program where something waits for ever, such as for the other end of a FIFO.
struct Deadline {
  Deadline() { ::alarm(30); }
  ~Deadline() { ::alarm(0); }
};

}  // namespace

TEST_SUITE("io") {
  TEST_CASE("what is not a regular file is neither replaced nor waited for") {
    const ScratchFolder folder;
    const Deadline deadline;
    std::vector<std::string> targets = {folder / "fifo", folder / "socket", folder / "folder", folder / "link"};
    REQUIRE(::mkfifo(targets[0].c_str(), 0666) == 0);
    make_socket(targets[1]);
    make_directories(targets[2]);
    link_to("fifo", targets[3]);
    if (::mknod((folder / "null").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0) {  // root alone can
      targets.push_back(folder / "null");
      targets.push_back(folder / "link to null");
      link_to("null", targets.back());
    }
    for (const std::string& target : targets) {
      const struct stat before = status_of(target);
      for (const auto& [name, write] : writes) {
        CAPTURE(name);
        CHECK(error_of([&, put = write] { put(target); }) == "cannot write '" + target + "': it is not a regular file");
        CHECK_FALSE(path_exists(target + ".partial"));
      }
      CHECK(error_of([&] { read_file(target); }) == "cannot read '" + target + "': it is not a regular file");
      CHECK(error_of([&] { CsvWriter::resume(target, "a", 0); }) ==
            "cannot read '" + target + "': it is not a regular file");
      CHECK(contains(PictureCache({{target}, {0}}, {3, 8, 8}, target).take_fault(), "it is not a regular file"));
      const struct stat after = status_of(target);
      CHECK(before.st_ino == after.st_ino);
      CHECK(before.st_mode == after.st_mode);
    }
    REQUIRE(::mkfifo((folder / ".lock").c_str(), 0666) == 0);
    CHECK(error_of([&] { FolderLock{folder.path}; }) ==
          "cannot write '" + (folder / ".lock") + "': it is not a regular file");
    REQUIRE(::mkfifo((folder / "file.partial").c_str(), 0666) == 0);
    CHECK(error_of([&] { write_file(folder / "file", "x"); }) ==
          "cannot write '" + (folder / "file.partial") + "': it is not a regular file");
  }

  TEST_CASE("a write follows symbolic links and leaves them in place") {
    const ScratchFolder folder;
    make_directories(folder / "deep/deeper");
    const std::string file = folder / "file", link = folder / "deep/deeper/link";
    link_to("deep/deeper/link", folder / "first");
    link_to("../../second", link);
    link_to(file, folder / "second");
    for (const auto& [name, write] : writes) {
      CAPTURE(name);
      write(folder / "expected");
      const std::string expected = read_file(folder / "expected");
      for (const bool dangling : {true, false}) {
        CAPTURE(dangling);
        if (!dangling) put_file(file, std::string_view(name) == "Log" ? "" : "old");
        write(folder / "first");
        CHECK((is_link(folder / "first") && is_link(link) && is_link(folder / "second")));
        CHECK(S_ISREG(status_of(file).st_mode));
        CHECK(read_file(file) == expected);
        REQUIRE(::unlink(file.c_str()) == 0);
      }
      REQUIRE(::unlink((folder / "expected").c_str()) == 0);
    }
    link_to("none/file", folder / "astray");
    CHECK(error_of([&] { write_file(folder / "astray", "x"); }) ==
          "cannot create '" + (folder / "none/file.partial") + "': No such file or directory");
  }

  TEST_CASE("a loop of symbolic links is an error") {
    const ScratchFolder folder;
    link_to("b", folder / "a");
    link_to("a", folder / "b");
    for (const auto& [name, write] : writes) {
      CAPTURE(name);
      const std::string error = error_of([&, put = write] { put(folder / "a"); });
      CHECK(contains(error, "'" + (folder / "a") + "': Too many levels of symbolic links"));
    }
  }

  TEST_CASE("a file that is replaced keeps its mode, and no one else may read the partial one") {
    const ScratchFolder folder;
    const mode_t umask = ::umask(022);
    for (const unsigned mode : {0600u, 0640u, 0666u, 0400u, 0755u}) {
      const std::string path = folder / "file";
      put_file(path, "old");
      for (const auto& [name, write] : writes) {
        CAPTURE(name);
        REQUIRE(::chmod(path.c_str(), mode) == 0);
        if (mode & 0200) write(path);
        CHECK(mode_of(path) == mode);
      }
      {
        FileWriter writer(path);
        CHECK(mode_of(path + ".partial") == mode);
        writer.commit();
      }
      CHECK(mode_of(path) == mode);
      REQUIRE(::unlink(path.c_str()) == 0);
    }
    write_file(folder / "new", "x");
    CHECK(mode_of(folder / "new") == 0644);
    ::umask(umask);
  }

  TEST_CASE("a file that is replaced keeps its owner and group where that is permitted") {
    if (::getuid() != 0) return;  // only root may give files away
    const ScratchFolder folder;
    const std::string path = folder / "file";
    const auto is = [&](unsigned owner, unsigned group, unsigned mode) {
      const struct stat status = status_of(path);
      return status.st_uid == owner && status.st_gid == group && (status.st_mode & 07777) == mode;
    };
    put_file(path, "old");
    REQUIRE(::chmod(path.c_str(), 0640) == 0);
    REQUIRE(::chown(path.c_str(), 1234, 4321) == 0);
    write_file(path, "new");
    CHECK(is(1234, 4321, 0640));

    // For anyone else the new file is their own, and their group gets no right that the old file gave to another group.
    REQUIRE(::chmod(folder.path.c_str(), 0777) == 0);
    {
      const NotRoot user;
      write_file(path, "newer");
    }
    CHECK(status_of(path).st_uid == 65534);
    CHECK(read_file(path) == "newer");
    const bool group_is_kept = status_of(path).st_gid == 4321;
    CHECK(mode_of(path) == (group_is_kept ? 0640 : 0600));
  }

  TEST_CASE("what a killed write left behind is replaced, and a link in its place is not followed") {
    const ScratchFolder folder;
    put_file(folder / "file.partial", "much longer than the new one");
    REQUIRE(::chmod((folder / "file.partial").c_str(), 0666) == 0);
    write_file(folder / "file", "new");
    CHECK(read_file(folder / "file") == "new");
    put_file(folder / "other", "other");
    link_to("other", folder / "file.partial");
    CHECK(contains(error_of([&] { write_file(folder / "file", "x"); }), "file.partial': it is not a regular file"));
    CHECK(read_file(folder / "other") == "other");
  }

  TEST_CASE("the synthetic data set is made where a link leads") {
    const ScratchFolder folder;
    link_to("set", folder / "link");
    CHECK(make_synthetic(folder / "link", {.train = 1, .valid = 1, .test = 1, .seed = 5}));
    CHECK(is_link(folder / "link"));
    CHECK(is_directory(folder / "set/train"));
  }

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
