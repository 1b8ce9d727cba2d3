// The folder of a run: at most one run at a time works in it, and no run overwrites another.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <tinycnn/io/folder_lock.hpp>

namespace tinycnn {

/// The flags of the program, as error messages name them.
struct RunFlags {
  const char* resume = "--resume";
  const char* folder = "--out";
  const char* data = "--data";
};

/// A folder that is created if necessary and locked for the lifetime of the object. Throws an Error if another run
/// works in it.
class RunFolder {
 public:
  [[gnu::cold]] explicit RunFolder(std::string path, const RunFlags& flags = {})
      : path_(created(std::move(path))), flags_(flags), lock_(path_) {}

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const RunFlags& flags() const { return flags_; }
  [[nodiscard]] [[gnu::cold]] std::string file(const char* name) const { return joined({path_, "/", name}); }

  /// Whether there is a checkpoint to resume from. If there is none, or `resume` is false, throws an Error if the
  /// folder has one of the files `results`, which a new run would overwrite.
  [[nodiscard]] [[gnu::cold]] bool resumes(bool resume, const char* checkpoint,
                                           const std::vector<const char*>& results) const {
    if (resume && path_exists(file(checkpoint))) return true;
    refuse(checkpoint, resume);
    for (const char* name : results) refuse(name, resume);
    return false;
  }

  /// An Error about resuming the run in this folder.
  [[nodiscard]] [[gnu::cold]] Error cannot_resume(const std::string& why, const std::string& advice) const {
    return Error({"cannot resume '", path_, "': ", why, "; ", advice, ", or ", another()});
  }
  /// The advice to choose another folder.
  [[nodiscard]] [[gnu::cold]] std::string another() const {
    return joined({"choose another folder with ", flags_.folder});
  }

 private:
  [[gnu::cold]] static std::string created(std::string path) {
    make_directories(path);
    return path;
  }
  [[gnu::cold]] void refuse(const char* name, bool resume) const {
    if (!path_exists(file(name))) return;
    const std::string advice = resume ? joined({"but no last.ckpt to resume from; ", another()})
                                      : joined({"continue it with ", flags_.resume, ", or ", another()});
    throw Error({"'", path_, "' holds a run already (", name, "): ", advice});
  }

  std::string path_;
  RunFlags flags_;
  FolderLock lock_;
};

}  // namespace tinycnn
