/* The 80-bit arithmetic on its own, on any host: conversions, rounding directions, exact
 * identities, and the transcendental functions against results computed with 600 bits. That every
 * instruction does what the hardware does, flags included, is test_x87_ops.c's business. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/softfp.h"

enum trans { T_2XM1, T_YL2X, T_YL2XP1, T_PATAN, T_SIN, T_COS, T_TAN };

static const struct {
    enum trans op;
    struct f80 y, x, want;
} trans_vectors[] = {
#include "trans_vectors.def"
};

static u64 rng_state = 0x9e3779b97f4a7c15ull;

static u64 rnd(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state * 0x2545f4914f6cdd1dull;
}

static struct f80 random_normal(void)
{
    return f80_make(rnd() >> 63, F80_BIAS - 100 + (int)(rnd() % 200), rnd() | F80_INT_BIT);
}

static struct fpctx context(enum fp_round rc)
{
    return (struct fpctx){.rc = (u8)rc, .pc = FP_PC64, .masks = 0x3f};
}

static void assert_f80(struct f80 got, struct f80 want)
{
    if (got.se != want.se || got.sig != want.sig)
        fail_msg("got %04x:%016llx, want %04x:%016llx", got.se, (unsigned long long)got.sig,
                 want.se, (unsigned long long)want.sig);
}

static struct f80 transcendental(struct fpctx *c, enum trans op, struct f80 y, struct f80 x)
{
    struct f80 r = F80_INDEFINITE;
    switch (op) {
    case T_2XM1: return f80_2xm1(c, x);
    case T_YL2X: return f80_yl2x(c, y, x);
    case T_YL2XP1: return f80_yl2xp1(c, y, x);
    case T_PATAN: return f80_patan(c, y, x);
    case T_SIN: assert_true(f80_sincos(c, x, &r, NULL)); return r;
    case T_COS: assert_true(f80_sincos(c, x, NULL, &r)); return r;
    default: assert_true(f80_tan(c, x, &r)); return r;
    }
}

static void trans_nearest(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(trans_vectors); i++) {
        struct fpctx c = context(FP_NEAREST);
        struct f80 r =
            transcendental(&c, trans_vectors[i].op, trans_vectors[i].y, trans_vectors[i].x);
        assert_f80(r, trans_vectors[i].want);
        assert_int_equal(c.flags & ~FP_UE, FP_PE);
    }
}

/* Down and up enclose the result and are neighbours; nearest is one of them; truncation the
 * smaller. */
static void trans_directed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(trans_vectors); i++) {
        struct f80 r[4];
        for (unsigned rc = 0; rc < 4; rc++) {
            struct fpctx c = context(rc);
            r[rc] = transcendental(&c, trans_vectors[i].op, trans_vectors[i].y, trans_vectors[i].x);
        }
        bool neg = f80_sign(r[0]);
        struct f80 small = r[neg ? FP_UP : FP_DOWN], large = r[neg ? FP_DOWN : FP_UP];
        assert_f80(r[FP_ZERO], small);
        assert_true(large.sig == small.sig + 1 || (large.sig == F80_INT_BIT && !(small.sig + 1)));
        assert_true(r[0].sig == small.sig || r[0].sig == large.sig);
    }
}

static void trans_range(void **state)
{
    struct fpctx c = context(FP_NEAREST);
    struct f80 r = F80_INDEFINITE, big = f80_make(true, F80_BIAS + 63, F80_INT_BIT);
    (void)state;
    assert_false(f80_sincos(&c, big, &r, NULL));
    assert_false(f80_tan(&c, big, &r));
    assert_int_equal(c.flags, 0);
    big = f80_make(true, F80_BIAS + 62, ~0ull);
    assert_true(f80_sincos(&c, big, &r, NULL));
}

static void convert_round_trip(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        struct fpctx c = context(i & 3);
        u64 d = rnd();
        u32 s = (u32)rnd();
        s64 n = (s64)rnd() >> (rnd() & 63);
        u8 bcd[10];
        if (f80_class(f80_from_f64(d)) != F80_SNAN)
            assert_true(f80_to_f64(&c, f80_from_f64(d)) == d);
        if (f80_class(f80_from_f32(s)) != F80_SNAN)
            assert_true(f80_to_f32(&c, f80_from_f32(s)) == s);
        assert_true(f80_to_int(&c, f80_from_s64(n), 64) == n);
        assert_int_equal(c.flags, 0);
        n %= 1000000000000000000;
        f80_to_bcd(&c, f80_from_s64(n), bcd);
        assert_f80(f80_from_bcd(bcd), f80_from_s64(n));
    }
}

static void convert_limits(void **state)
{
    struct fpctx c = context(FP_NEAREST);
    u8 bcd[10];
    (void)state;
    /* FLT_MAX and half a unit more: a tie that rounds to infinity */
    assert_int_equal(f80_to_f32(&c, f80_make(false, F80_BIAS + 127, 0xffffff7fffffffff)),
                     0x7f7fffff);
    assert_int_equal(c.flags, FP_PE);
    assert_int_equal(f80_to_f32(&c, f80_make(false, F80_BIAS + 127, 0xffffff8000000000)),
                     0x7f800000);
    assert_int_equal(c.flags, FP_PE | FP_OE);
    c = context(FP_ZERO);
    assert_int_equal(f80_to_f32(&c, f80_make(true, F80_BIAS + 500, F80_INT_BIT)), 0xff7fffff);
    c = context(FP_NEAREST);
    /* just below the smallest normal: rounds up to it, and is not tiny */
    assert_int_equal(f80_to_f32(&c, f80_make(false, F80_BIAS - 127, ~0ull)), 0x00800000);
    assert_int_equal(c.flags, FP_PE);
    assert_int_equal(f80_to_f32(&c, f80_make(false, F80_BIAS - 149, F80_INT_BIT)), 1);
    assert_int_equal(c.flags, FP_PE);
    assert_int_equal(f80_to_f32(&c, f80_make(false, F80_BIAS - 150, F80_INT_BIT)), 0);
    assert_int_equal(c.flags, FP_PE | FP_UE);
    c = context(FP_NEAREST);
    assert_int_equal(f80_to_int(&c, f80_from_s64(-32768), 16), -32768);
    assert_int_equal(c.flags, 0);
    assert_int_equal(f80_to_int(&c, f80_from_s64(32768), 16), -32768);
    assert_int_equal(c.flags, FP_IE);
    f80_to_bcd(&c, f80_from_s64(1000000000000000000), bcd);
    assert_int_equal(bcd[9], 0xff);
    assert_int_equal(bcd[7], 0xc0);
}

/* (a * b) / b and sqrt(a * a) are exact when a and b have 32 bits; a + b - b when they are near. */
static void exact_identities(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        struct fpctx c = context(i & 3);
        struct f80 a = random_normal(), b = random_normal();
        a.sig &= ~0ull << 32;
        b.sig &= ~0ull << 32;
        struct f80 p = f80_mul(&c, a, b);
        assert_f80(f80_div(&c, p, b), a);
        struct f80 positive = a;
        positive.se &= 0x7fff;
        assert_f80(f80_sqrt(&c, f80_mul(&c, a, a)), positive);
        b.se = (u16)((a.se & 0x7fff) - i % 20);
        assert_f80(f80_sub(&c, f80_add(&c, a, b), b), a);
        assert_int_equal(c.flags, 0);
    }
}

/* With 53-bit precision a product has 53 bits, so that it is a double within that one's range. */
static void precision_control(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        struct fpctx c = context(i & 3), d = context(i & 3);
        struct f80 a = random_normal(), b = random_normal();
        c.pc = FP_PC53;
        a.se &= 0x403f;
        b.se &= 0x403f;
        struct f80 wide = f80_mul(&c, a, b);
        assert_true(f80_class(wide) != F80_NORMAL || !(wide.sig & 0x7ff));
        (void)f80_to_f64(&d, wide);
        assert_false(d.flags & FP_PE && !(d.flags & (FP_OE | FP_UE)));
    }
}

static void remainder_parts(void **state)
{
    struct fpctx c = context(FP_NEAREST);
    unsigned q;
    bool partial;
    (void)state;
    /* 29 = 4 * 7 + 1; to nearest 27 = 4 * 7 - 1 */
    struct f80 r = f80_rem(&c, f80_from_s64(29), f80_from_s64(7), false, &q, &partial);
    assert_f80(r, f80_from_s64(1));
    assert_int_equal(q, 4);
    r = f80_rem(&c, f80_from_s64(27), f80_from_s64(7), true, &q, &partial);
    assert_f80(r, f80_from_s64(-1));
    assert_int_equal(q, 4);
    assert_false(partial);
    (void)f80_rem(&c, f80_make(false, F80_BIAS + 64, F80_INT_BIT), f80_from_s64(1), false, &q,
                  &partial);
    assert_true(partial);
    assert_int_equal(c.flags, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trans_nearest),     cmocka_unit_test(trans_directed),
        cmocka_unit_test(trans_range),       cmocka_unit_test(convert_round_trip),
        cmocka_unit_test(convert_limits),    cmocka_unit_test(exact_identities),
        cmocka_unit_test(precision_control), cmocka_unit_test(remainder_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
