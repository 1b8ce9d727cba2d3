// A SIMD register as a value. The instruction set is a template argument, so that kernels compiled for different ones
// have different symbols.
#pragma once

#include <cstring>

namespace tinycnn::cpu {

/// The base class of the instruction sets.
struct InstructionSet {};

/// 32 registers of 512 bits. A register tile uses 8 x 2; the rest hold operands.
struct Avx512 : InstructionSet {
  static constexpr int width = 16;
  static constexpr int tile_rows = 8;
  static constexpr const char* name = "AVX-512";
};

/// 16 registers of 256 bits, and fused multiply-add. A register tile uses 6 x 2.
struct Avx2 : InstructionSet {
  static constexpr int width = 8;
  static constexpr int tile_rows = 6;
  static constexpr const char* name = "AVX2";
};

/// What every x86-64 has: 16 registers of 128 bits, no fused multiply-add.
struct Baseline : InstructionSet {
  static constexpr int width = 4;
  static constexpr int tile_rows = 6;
  static constexpr const char* name = "SSE2";
};

/// The best instruction set this translation unit is compiled for.
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
using Native = Avx512;
#elif defined(__AVX2__) && defined(__FMA__)
using Native = Avx2;
#else
using Native = Baseline;
#endif

template <class Isa>
  requires requires { Isa::width; }
struct Registers {
  typedef float Float __attribute__((vector_size(4 * Isa::width), may_alias));
  typedef int Int __attribute__((vector_size(4 * Isa::width), may_alias));
  typedef unsigned char Byte __attribute__((vector_size(Isa::width), may_alias));
};

template <class Isa>
using Vector = typename Registers<Isa>::Float;
template <class Isa>
using IntVector = typename Registers<Isa>::Int;
template <class Isa>
using ByteVector = typename Registers<Isa>::Byte;

/// The register tile of the micro-kernel: MR rows (pixels, samples or weights) by NR columns (channels of one panel).
template <class Isa>
inline constexpr int MR = Isa::tile_rows;
template <class Isa>
inline constexpr int NR = 2 * Isa::width;

template <class Isa>
[[gnu::always_inline]] inline Vector<Isa> load(const float* from) {
  Vector<Isa> v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <class Isa>
[[gnu::always_inline]] inline void store(float* to, Vector<Isa> v) {
  std::memcpy(to, &v, sizeof v);
}

/// A non-temporal store, which bypasses the caches: for results larger than they are. `to` is aligned to the register.
template <class Isa>
[[gnu::always_inline]] inline void stream(float* to, Vector<Isa> v) {
  static_assert(Isa::width <= Native::width,
                "this file is compiled without the instruction set its Cpu<...> names: set -march");
#if defined(__clang__)
  __builtin_nontemporal_store(v, reinterpret_cast<Vector<Isa>*>(to));
#elif defined(__AVX512F__)
  if constexpr (Isa::width == 16) __builtin_ia32_movntps512(to, v);
  if constexpr (Isa::width == 8) __builtin_ia32_movntps256(to, v);
  if constexpr (Isa::width == 4) __builtin_ia32_movntps(to, v);
#elif defined(__AVX__)
  if constexpr (Isa::width == 8) __builtin_ia32_movntps256(to, v);
  if constexpr (Isa::width == 4) __builtin_ia32_movntps(to, v);
#else
  __builtin_ia32_movntps(to, v);
#endif
}

template <class Isa>
[[gnu::always_inline]] inline Vector<Isa> broadcast(float value) {
  return value - Vector<Isa>{};  // free; 0 + value would turn -0 into +0, so compilers would keep the addition
}

/// a * b + c, rounded once where the instruction set can: a scalar remainder gets the same bits as a lane.
template <class Isa>
[[gnu::always_inline]] inline Vector<Isa> fma(Vector<Isa> a, Vector<Isa> b, Vector<Isa> c) {
  return a * b + c;
}

template <class Isa>
[[gnu::always_inline]] inline float fma(float a, float b, float c) {
#if defined(__FMA__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

/// The bytes converted to integers. g++ 12 compiles __builtin_convertvector to one conversion per byte.
template <class Isa>
[[gnu::always_inline]] inline IntVector<Isa> widen(const unsigned char* bytes) {
#if defined(__clang__)
  ByteVector<Isa> v;
  std::memcpy(&v, bytes, sizeof v);
  return __builtin_convertvector(v, IntVector<Isa>);
#else
  [[maybe_unused]] typedef char Chars __attribute__((vector_size(16)));
#if defined(__AVX512F__)
  if constexpr (Isa::width == 16) {
    Chars v;
    std::memcpy(&v, bytes, sizeof v);
    return IntVector<Isa>(__builtin_ia32_pmovzxbd512_mask(v, IntVector<Isa>{}, 0xffff));
  }
#endif
#if defined(__AVX2__)
  if constexpr (Isa::width == 8) {
    typedef long long Halves __attribute__((vector_size(16)));
    Halves v{};
    std::memcpy(&v[0], bytes, sizeof v[0]);
    return IntVector<Isa>(__builtin_ia32_pmovzxbd256(Chars(v)));
  }
#endif
  IntVector<Isa> lanes;
  for (int i = 0; i < Isa::width; ++i) lanes[i] = bytes[i];
  return lanes;
#endif
}

/// four[lanes[i]] for every lane i, `lanes` from 0 to 3.
template <class Isa>
[[gnu::always_inline]] inline Vector<Isa> lookup(const float* four, IntVector<Isa> lanes) {
  [[maybe_unused]] const Vector<Baseline> table = load<Baseline>(four);
#if !defined(__clang__)  // in wider registers, the elements beyond the four are never selected
#if defined(__AVX512F__)
  if constexpr (Isa::width == 16) return __builtin_shuffle(Vector<Isa>(__builtin_ia32_ps512_ps(table)), lanes);
#endif
#if defined(__AVX__)
  if constexpr (Isa::width == 8) return __builtin_shuffle(Vector<Isa>(__builtin_ia32_ps256_ps(table)), lanes);
#endif
  if constexpr (Isa::width == 4) return __builtin_shuffle(table, lanes);
#else
#if defined(__AVX512F__)
  if constexpr (Isa::width == 16)
    return __builtin_ia32_permvarsf512(
        __builtin_shufflevector(table, table, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3), lanes);
#endif
#if defined(__AVX2__)
  if constexpr (Isa::width == 8)
    return __builtin_ia32_permvarsf256(__builtin_shufflevector(table, table, 0, 1, 2, 3, 0, 1, 2, 3), lanes);
#endif
#endif
  Vector<Isa> v;
  for (int i = 0; i < Isa::width; ++i) v[i] = four[lanes[i]];
  return v;
}

template <class Isa>
[[gnu::always_inline]] inline float lookup(const float* four, int which) {
  return four[which];
}

/// max(v, 0), but NaN stays NaN.
template <class Isa>
[[gnu::always_inline]] inline Vector<Isa> relu(Vector<Isa> v) {
  return v < 0.0f ? Vector<Isa>{} : v;
}

template <class Isa>
[[gnu::always_inline]] inline float relu(float v) {
  return v < 0.0f ? 0.0f : v;
}

}  // namespace tinycnn::cpu
