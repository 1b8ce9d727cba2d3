// A scope in which root has only the rights of everyone else.
#pragma once

#include <doctest/doctest.h>

#include <unistd.h>

struct NotRoot {
  NotRoot() { REQUIRE((::geteuid() != 0 || ::seteuid(65534) == 0)); }
  ~NotRoot() {
    if (::getuid() == 0) CHECK(::seteuid(0) == 0);
  }
};
