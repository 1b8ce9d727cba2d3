// Last stage: assigns an offset in the arena to every value, so that values with overlapping lifetimes do not overlap
// in memory.
#pragma once

#include <cstdint>

#include <tinycnn/plan/draft.hpp>

namespace tinycnn {

namespace detail {

/// Sorts values by size, largest first; equal ones stay in order. Merge sort takes few steps of constant evaluation.
constexpr void sort_by_size(const PlanDraft& d, IntArray& order, IntArray& spare, int from, int to) {
  if (to - from < 2) return;
  const int middle = from + (to - from) / 2;
  sort_by_size(d, order, spare, from, middle);
  sort_by_size(d, order, spare, middle, to);
  int a = from, b = middle;
  for (int i = from; i < to; ++i) {
    const bool take_a = b == to || (a < middle && d.values[order[a]].per_sample >= d.values[order[b]].per_sample);
    spare[i] = take_a ? order[a++] : order[b++];
  }
  for (int i = from; i < to; ++i) order[i] = spare[i];
}

}  // namespace detail

/// Up to this number of values are placed largest first, which needs the least possible memory for HW3, ResNet-18 and
/// ResNet-50. If there are more, they are placed in the order of their indices, which is faster to compile.
inline constexpr int largest_first_limit = 512;

/// Places each value at the lowest offset where it overlaps no placed value of an overlapping lifetime.
constexpr void assign_offsets(PlanDraft& d) {
  IntArray order(d.value_count + 1), spare(d.value_count + 1), placed(d.value_count + 1);
  int live = 0;
  for (int v = 0; v < d.value_count; ++v)
    if (d.values[v].root == v && d.values[v].first >= 0) order[live++] = v;
  if (live <= largest_first_limit) detail::sort_by_size(d, order, spare, 0, live);

  int count = 0;  // of `placed`, which lists values by increasing offset
  for (int i = 0; i < live; ++i) {
    Value& v = d.values[order[i]];
    std::int64_t free_from = 0;
    for (int k = 0; k < count; ++k) {
      const Value& p = d.values[placed[k]];
      if (p.last < v.first || v.last < p.first) continue;
      if (p.offset >= free_from + v.per_sample) break;
      if (p.offset + p.per_sample > free_from) free_from = p.offset + p.per_sample;
    }
    v.offset = free_from;
    int at = count++;
    for (; at > 0 && d.values[placed[at - 1]].offset > v.offset; --at) placed[at] = placed[at - 1];
    placed[at] = order[i];
    if (v.offset + v.per_sample > d.per_sample) d.per_sample = v.offset + v.per_sample;
  }
  for (int i = 0; i < d.value_count; ++i)
    if (d.values[i].root >= 0) d.values[i].offset = d.values[d.values[i].root].offset;
}

}  // namespace tinycnn
