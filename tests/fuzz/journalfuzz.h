/* What a fuzzer does to journals: see journalfuzz.c. */
#ifndef TESTS_FUZZ_JOURNALFUZZ_H
#define TESTS_FUZZ_JOURNALFUZZ_H

#include "base/types.h"

void journalfuzz_run(const u8 *data, size_t size);

#endif
