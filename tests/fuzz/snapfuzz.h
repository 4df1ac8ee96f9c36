/* What a fuzzer does to snapshot files: see snapfuzz.c. */
#ifndef TESTS_FUZZ_SNAPFUZZ_H
#define TESTS_FUZZ_SNAPFUZZ_H

#include "base/types.h"

/* Machines and a good file, once. */
void snapfuzz_open(void);
void snapfuzz_run(const u8 *data, size_t size);
void snapfuzz_close(void);

#endif
