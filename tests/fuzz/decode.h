/* Bytes to ops: what a fuzzer varies becomes commands that reach devices. Every string of bytes
 * means something. */
#ifndef TESTS_FUZZ_DECODE_H
#define TESTS_FUZZ_DECODE_H

#include "tests/fuzz/board.h"

/* Runs the bytes on the board. each, if not NULL, is called before each op. */
void decode_run(struct board *b, const u8 *data, size_t size,
                void (*each)(void *opaque, const struct op *op), void *opaque);

#endif
