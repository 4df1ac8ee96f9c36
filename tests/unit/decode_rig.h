/* A decoder for tests of what it makes of bytes: the fixture, and decoding that must succeed or
 * whose result is the question. */
#ifndef TESTS_DECODE_RIG_H
#define TESTS_DECODE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/decode.h"

#define BYTES(...) (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__})

static inline int setup(void **state)
{
    *state = decoder_new();
    return *state ? 0 : -1;
}

static inline int teardown(void **state)
{
    decoder_free(*state);
    return 0;
}

static inline enum decode_result result(void **state, enum code_size code, const u8 *bytes,
                                        unsigned n)
{
    struct insn in;

    return decode(*state, bytes, n, code, &in);
}

/* All of the bytes are one instruction. */
static inline struct insn good(void **state, enum code_size code, const u8 *bytes, unsigned n)
{
    struct insn in;

    assert_int_equal(decode(*state, bytes, n, code, &in), DECODE_OK);
    assert_int_equal(in.len, n);
    return in;
}

static inline const char *name(const struct insn *in)
{
    return insn_row_of(in)->name;
}

#endif
