/* A fuzzer's inputs are bus scripts as text; this changes them by whole commands. */
#ifndef TESTS_FUZZ_MUTATE_H
#define TESTS_FUZZ_MUTATE_H

#include "tests/fuzz/drivers.h"

/* The commands of a text; what is none is left out, and so is what is one too many. */
void ops_parse(struct ops *to, const u8 *text, size_t size);
/* As text of at most max bytes; the last commands go if there is no room. Returns its length. */
size_t ops_print(const struct ops *from, u8 *text, size_t max);

/* Changes something by chance: commands come, go, move, or have other numbers. number: changes some
 * bytes by the fuzzer's own means. */
void ops_mutate(struct ops *ops, const struct places *places, u64 seed,
                size_t (*number)(u8 *data, size_t size, size_t max));

/* Puts a piece of one into the other. */
void ops_cross(struct ops *into, const struct ops *from, u64 seed);

#endif
