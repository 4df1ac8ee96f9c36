/* flags_eval() against the flags of the host's own instructions, where the host is an x86; and on
 * every host against the identities between kinds. Flags that the manual leaves undefined are
 * masked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cpu/flags.h"

/* Values that are interesting in every size, garbage above the size included */
static u32 sample(u32 n)
{
    static const u32 edges[] = {0,          1,          2,          0xf,        0x10,
                                0x7f,       0x80,       0x81,       0xff,       0x100,
                                0x7fff,     0x8000,     0x8001,     0xffff,     0x10000,
                                0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff};
    if (n < sizeof(edges) / sizeof(edges[0]))
        return edges[n];
    n = n * 0x9e3779b1u ^ n >> 3;
    n ^= n >> 15;
    return n * 0x85ebca6bu ^ n >> 13;
}

#define SAMPLES 400

static void carry_in_of_zero_changes_nothing(void **state)
{
    (void)state;
    for (u32 i = 0; i < SAMPLES; i++)
        for (u32 j = 0; j < SAMPLES; j++)
            for (u32 s = 0; s < 3; s++) {
                u32 a = sample(i), b = sample(j);
                assert_int_equal(flags_eval(FLAG_OP(FK_ADC, s), a + b, b, 0),
                                 flags_eval(FLAG_OP(FK_ADD, s), a + b, b, 77));
                assert_int_equal(flags_eval(FLAG_OP(FK_SBB, s), a - b, b, 0),
                                 flags_eval(FLAG_OP(FK_SUB, s), a - b, b, 77));
                assert_int_equal(flags_eval(FLAG_OP(FK_CMP, s), a, b, 0),
                                 flags_eval(FLAG_OP(FK_SUB, s), a - b, b, 0));
            }
}

static void eflags_pass_through(void **state)
{
    (void)state;
    assert_int_equal(flags_eval(FLAG_OP(FK_EFLAGS, 0), 1, 0xffffffff, 2), FLAGS_ARITH);
    assert_int_equal(flags_eval(FLAG_OP(FK_EFLAGS, 2), 1, FLAG_CF | FLAG_DF, 2), FLAG_CF);
}

static void conditions(void **state)
{
    (void)state;
    for (u32 f = 0; f < 4096; f++) {
        u32 of = f >> 11 & 1, cf = f & 1, zf = f >> 6 & 1, sf = f >> 7 & 1, pf = f >> 2 & 1;
        u32 want[8] = {of, cf, zf, cf | zf, sf, pf, sf ^ of, zf | (sf ^ of)};
        for (unsigned cc = 0; cc < 16; cc++)
            assert_int_equal(flags_cond(f, cc), want[cc / 2] ^ (cc & 1));
    }
}

#if defined(__x86_64__) || defined(__i386__)

#define NOT_AF (FLAGS_ARITH & ~(u32)FLAG_AF)

/* ax = the flags as LAHF has them in AH, OF in AL */
static void expect(u32 op, u32 dst, u32 src, u32 aux, unsigned long ax, u32 mask)
{
    u32 host = ((u32)ax >> 8 & 0xff) | ((u32)ax & 1) << 11;
    u32 got = flags_eval(op, dst, src, aux);
    if ((got ^ host) & mask)
        fail_msg("kind %u size %u dst %x src %x aux %x: %03x, the host has %03x", op >> 2,
                 1u << (op & 3), dst, src, aux, got & mask, host & mask);
}

/* insn src, dst with CF = carry before; *dst is the result */
#define BINARY(name, insn, type, reg)                                                              \
    static unsigned long name(type *dst, type src, u32 carry)                                      \
    {                                                                                              \
        unsigned long f;                                                                           \
        type d = *dst;                                                                             \
        __asm__("btl $0, %k3\n\t" insn " %" reg "2, %" reg "1\n\tlahf\n\tseto %%al"                \
                : "=&a"(f), "+&q"(d)                                                               \
                : "q"(src), "r"(carry)                                                             \
                : "cc", "memory");                                                                 \
        *dst = d;                                                                                  \
        return f;                                                                                  \
    }
#define UNARY(name, insn, type, reg)                                                               \
    static unsigned long name(type *dst, type src, u32 carry)                                      \
    {                                                                                              \
        unsigned long f;                                                                           \
        type d = *dst;                                                                             \
        __asm__("btl $0, %k2\n\t" insn " %" reg "1\n\tlahf\n\tseto %%al"                           \
                : "=&a"(f), "+&q"(d)                                                               \
                : "r"(carry)                                                                       \
                : "cc", "memory");                                                                 \
        (void)src;                                                                                 \
        *dst = d;                                                                                  \
        return f;                                                                                  \
    }
#define SHIFT(name, insn, type, reg)                                                               \
    static unsigned long name(type *dst, type src, u32 carry)                                      \
    {                                                                                              \
        unsigned long f;                                                                           \
        type d = *dst;                                                                             \
        __asm__("btl $0, %k3\n\t" insn " %%cl, %" reg "1\n\tlahf\n\tseto %%al"                     \
                : "=&a"(f), "+&q"(d)                                                               \
                : "c"((u8)src), "r"(carry)                                                         \
                : "cc", "memory");                                                                 \
        *dst = d;                                                                                  \
        return f;                                                                                  \
    }
#define SIZES(shape, name, insn)                                                                   \
    shape(name##8, insn "b", u8, "b") shape(name##16, insn "w", u16, "w")                          \
        shape(name##32, insn "l", u32, "k")

SIZES(BINARY, host_add, "add")
SIZES(BINARY, host_adc, "adc")
SIZES(BINARY, host_sub, "sub")
SIZES(BINARY, host_sbb, "sbb")
SIZES(BINARY, host_cmp, "cmp")
SIZES(BINARY, host_and, "and")
SIZES(UNARY, host_inc, "inc")
SIZES(UNARY, host_dec, "dec")
SIZES(UNARY, host_neg, "neg")
SIZES(SHIFT, host_shl, "shl")
SIZES(SHIFT, host_shr, "shr")
SIZES(SHIFT, host_sar, "sar")

struct kind_test {
    unsigned long (*fn8)(u8 *, u8, u32);
    unsigned long (*fn16)(u16 *, u16, u32);
    unsigned long (*fn32)(u32 *, u32, u32);
    enum flag_kind kind;
    enum { SRC_B, SRC_CARRY, SRC_A, SRC_LEFT, SRC_RIGHT, SRC_ARITH } src;
    u32 mask; /* flags that are defined */
};

static const struct kind_test kinds[] = {
    {host_add8, host_add16, host_add32, FK_ADD, SRC_B, FLAGS_ARITH},
    {host_adc8, host_adc16, host_adc32, FK_ADC, SRC_B, FLAGS_ARITH},
    {host_sub8, host_sub16, host_sub32, FK_SUB, SRC_B, FLAGS_ARITH},
    {host_sbb8, host_sbb16, host_sbb32, FK_SBB, SRC_B, FLAGS_ARITH},
    {host_cmp8, host_cmp16, host_cmp32, FK_CMP, SRC_B, FLAGS_ARITH},
    {host_and8, host_and16, host_and32, FK_LOGIC, SRC_B, NOT_AF},
    {host_inc8, host_inc16, host_inc32, FK_INC, SRC_CARRY, FLAGS_ARITH},
    {host_dec8, host_dec16, host_dec32, FK_DEC, SRC_CARRY, FLAGS_ARITH},
    {host_neg8, host_neg16, host_neg32, FK_SUB, SRC_A, FLAGS_ARITH},
    {host_shl8, host_shl16, host_shl32, FK_SHL, SRC_LEFT, NOT_AF},
    {host_shr8, host_shr16, host_shr32, FK_SHR, SRC_RIGHT, NOT_AF},
    {host_sar8, host_sar16, host_sar32, FK_SHR, SRC_ARITH, NOT_AF},
};

static s32 sign_extend(u32 v, unsigned size_log2)
{
    return size_log2 == 0 ? (s8)v : size_log2 == 1 ? (s16)v : (s32)v;
}

static void check_kind(const struct kind_test *k, unsigned s, u32 a, u32 b, u32 carry)
{
    u32 mask = s == 2 ? ~0u : (1u << (8u << s)) - 1;
    u32 garbage = s == 2 ? 0 : 0xdeadbeef & ~mask;
    u32 flags_mask = k->mask, res, src = b;
    bool shift = k->src >= SRC_LEFT;
    unsigned long host;
    u8 d8 = (u8)a;
    u16 d16 = (u16)a;
    u32 d32 = a;

    a &= mask;
    if (shift) {
        b &= 31;
        if (b == 0)
            return;
        if (b > 1)
            flags_mask &= ~(u32)FLAG_OF;
        if (b > (8u << s) && k->src != SRC_ARITH) /* CF is undefined beyond the size */
            flags_mask &= ~(u32)FLAG_CF;
    }
    if (s == 0)
        host = k->fn8(&d8, (u8)b, carry), res = d8;
    else if (s == 1)
        host = k->fn16(&d16, (u16)b, carry), res = d16;
    else
        host = k->fn32(&d32, b, carry), res = d32;
    switch (k->src) {
    case SRC_B: break;
    case SRC_CARRY: src = carry; break;
    case SRC_A: src = a; break;
    case SRC_LEFT: src = a << (b - 1); break;
    case SRC_RIGHT: src = a >> (b - 1); break;
    case SRC_ARITH: src = (u32)(sign_extend(a, s) >> (b - 1)); break;
    }
    if (k->kind == FK_CMP)
        res = a;
    expect(FLAG_OP(k->kind, s), res ^ garbage, src ^ (k->src == SRC_B ? garbage : 0), carry, host,
           flags_mask);
}

static void all_of_8_bits(void **state)
{
    (void)state;
    for (u32 n = 0; n < sizeof(kinds) / sizeof(kinds[0]); n++)
        for (u32 a = 0; a < 256; a++)
            for (u32 b = 0; b < 256; b++)
                for (u32 carry = 0; carry < 2; carry++)
                    check_kind(&kinds[n], 0, a, b, carry);
}

static void samples_of_16_and_32_bits(void **state)
{
    (void)state;
    for (u32 n = 0; n < sizeof(kinds) / sizeof(kinds[0]); n++)
        for (u32 i = 0; i < SAMPLES; i++)
            for (u32 j = 0; j < SAMPLES; j++)
                for (u32 carry = 0; carry < 2; carry++) {
                    check_kind(&kinds[n], 1, sample(i), sample(j), carry);
                    check_kind(&kinds[n], 2, sample(i), sample(j), carry);
                }
}

/* Of MUL and IMUL only CF and OF are defined. */
static void multiplication(void **state)
{
    (void)state;
    for (u32 i = 0; i < SAMPLES; i++)
        for (u32 j = 0; j < SAMPLES; j++) {
            unsigned long f;
            u32 lo = sample(i), hi;
            __asm__("mull %3\n\tmovl %%eax, %0\n\tlahf\n\tseto %%al"
                    : "=&r"(lo), "=&a"(f), "=&d"(hi)
                    : "r"(sample(j)), "1"((unsigned long)sample(i))
                    : "cc");
            expect(FLAG_OP(FK_MUL, 2), lo, hi, 0, f, FLAG_CF | FLAG_OF);
            __asm__("imull %3\n\tmovl %%eax, %0\n\tlahf\n\tseto %%al"
                    : "=&r"(lo), "=&a"(f), "=&d"(hi)
                    : "r"(sample(j)), "1"((unsigned long)sample(i))
                    : "cc");
            expect(FLAG_OP(FK_MUL, 2), lo, hi ^ (u32)((s32)lo >> 31), 0, f, FLAG_CF | FLAG_OF);
        }
}

#define HOST_TESTS                                                                                 \
    cmocka_unit_test(all_of_8_bits), cmocka_unit_test(samples_of_16_and_32_bits),                  \
        cmocka_unit_test(multiplication),
#else
#define HOST_TESTS
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(carry_in_of_zero_changes_nothing),
                                       cmocka_unit_test(eflags_pass_through),
                                       cmocka_unit_test(conditions), HOST_TESTS};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
