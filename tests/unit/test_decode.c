/* The decoder's rules by hand-picked bytes: prefixes, length limits, operand layout, LOCK,
 * truncation, the memo, and the table of forms itself. test_decode_sweep.c covers the breadth. */
#include <time.h>

#include "tests/unit/decode_rig.h"

static void test_simple(void **state)
{
    struct insn in = good(state, CODE32, BYTES(0x05, 0x78, 0x56, 0x34, 0x92));

    assert_string_equal(name(&in), "add");
    assert_int_equal(in.imm, 0x92345678);
    assert_int_equal(in.opsize, 4);
    in = good(state, CODE16, BYTES(0x05, 0x78, 0x96));
    assert_int_equal(in.imm, 0x9678); /* Iz is not sign-extended */
    assert_int_equal(in.opsize, 2);
    in = good(state, CODE32, BYTES(0x83, 0xc0, 0x80)); /* sIb is */
    assert_int_equal(in.imm, 0xffffff80);
    in = good(state, CODE32, BYTES(0x80, 0xc0, 0x80)); /* Ib is not */
    assert_int_equal(in.imm, 0x80);
    in = good(state, CODE32, BYTES(0x0f, 0xc9));
    assert_string_equal(name(&in), "bswap");
    assert_int_equal(in.map, MAP_0F);
    assert_int_equal(in.opcode, 0xc9);
}

static void test_prefix_order(void **state)
{
    struct insn in = good(state, CODE32, BYTES(0x66, 0xf3, 0xab)); /* as gas writes rep stosw */

    assert_string_equal(name(&in), "stos");
    assert_int_equal(in.opsize, 2);
    assert_int_equal(in.prefixes, PFX_REP | PFX_OPSIZE);
    in = good(state, CODE32, BYTES(0xf3, 0x66, 0xab));
    assert_int_equal(in.opsize, 2);
    in = good(state, CODE16, BYTES(0x66, 0xf3, 0xab));
    assert_int_equal(in.opsize, 4);
    in = good(state, CODE32, BYTES(0x66, 0xf2, 0x68, 0x34, 0x12)); /* imm16 */
    assert_int_equal(in.imm, 0x1234);
    /* The last of F2 and F3, and the last segment, win; repeating 66 or 67 changes nothing. */
    in = good(state, CODE32, BYTES(0xf3, 0xf2, 0xa7));
    assert_int_equal(in.prefixes, PFX_REPNE);
    in = good(state, CODE32, BYTES(0xf2, 0xf3, 0xa7));
    assert_int_equal(in.prefixes, PFX_REP);
    in = good(state, CODE32, BYTES(0x64, 0x2e, 0x8b, 0x00));
    assert_int_equal(in.seg, SEG_CS);
    in = good(state, CODE32, BYTES(0x66, 0x67, 0x66, 0x67, 0x8b, 0x04));
    assert_int_equal(in.opsize, 2);
    assert_int_equal(in.addrsize, 2);
    assert_int_equal(in.base, ESI);
    in = good(state, CODE32, BYTES(0xf3, 0x90));
    assert_string_equal(name(&in), "pause");
    in = good(state, CODE32, BYTES(0x67, 0xf3, 0x66, 0x90));
    assert_string_equal(name(&in), "pause");
    in = good(state, CODE32, BYTES(0x66, 0x90));
    assert_string_equal(name(&in), "nop");
}

static void test_length_limit(void **state)
{
    static const u8 prefixes[16] = {0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e,
                                    0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e};
    u8 b[20];
    struct insn in;

    memset(b, 0, sizeof(b));
    memcpy(b, prefixes, 14);
    b[14] = 0x90;
    assert_int_equal(decode(*state, b, sizeof(b), CODE32, &in), DECODE_OK);
    assert_int_equal(in.len, 15);
    assert_int_equal(decode(*state, b, 14, CODE32, &in), DECODE_MORE);
    b[14] = 0xb0; /* MOV AL,Ib: the immediate is byte 16 */
    assert_int_equal(decode(*state, b, 15, CODE32, &in), DECODE_LONG);
    assert_int_equal(decode(*state, b, sizeof(b), CODE32, &in), DECODE_LONG);
    assert_int_equal(decode(*state, b, 14, CODE32, &in), DECODE_MORE);
    b[14] = 0x0f; /* the second opcode byte is byte 16 */
    assert_int_equal(decode(*state, b, sizeof(b), CODE32, &in), DECODE_LONG);
    assert_int_equal(decode(*state, prefixes, 16, CODE32, &in), DECODE_LONG);
    assert_int_equal(decode(*state, prefixes, 15, CODE32, &in), DECODE_LONG);
    assert_int_equal(decode(*state, prefixes, 14, CODE32, &in), DECODE_MORE);
    assert_int_equal(decode(*state, prefixes, 0, CODE32, &in), DECODE_MORE);
}

static void test_moffs(void **state)
{
    struct insn in = good(state, CODE32, BYTES(0xa1, 0x78, 0x56, 0x34, 0x92));

    assert_int_equal((u32)in.disp, 0x92345678);
    assert_int_equal(in.base, GPR_NONE);
    assert_int_equal(in.seg, SEG_DS);
    in = good(state, CODE32, BYTES(0x67, 0x65, 0xa2, 0x78, 0x96));
    assert_int_equal(in.disp, 0x9678);
    assert_int_equal(in.addrsize, 2);
    assert_int_equal(in.seg, SEG_GS);
    in = good(state, CODE16,
              BYTES(0x66, 0xa3, 0x01, 0x80)); /* 66 changes the data, not the address */
    assert_int_equal(in.disp, 0x8001);
    assert_int_equal(in.opsize, 4);
}

static void test_far_pointers(void **state)
{
    struct insn in = good(state, CODE32, BYTES(0x9a, 0x78, 0x56, 0x34, 0x92, 0xef, 0xbe));

    assert_int_equal(in.imm, 0x92345678);
    assert_int_equal(in.sel, 0xbeef);
    in = good(state, CODE16, BYTES(0xea, 0x78, 0x96, 0xef, 0xbe));
    assert_int_equal(in.imm, 0x9678);
    assert_int_equal(in.sel, 0xbeef);
    in = good(state, CODE32, BYTES(0xc8, 0x34, 0x92, 0x85)); /* ENTER */
    assert_int_equal(in.imm, 0x9234);
    assert_int_equal(in.sel, 0x85);
}

static void test_branches(void **state)
{
    struct insn in = good(state, CODE32, BYTES(0x74, 0xfe));

    assert_int_equal(in.imm, (u32)-2);
    in = good(state, CODE16, BYTES(0x0f, 0x84, 0x00, 0x80));
    assert_int_equal(in.imm, (u32)-0x8000);
    in = good(state, CODE16,
              BYTES(0x66, 0x0f, 0x84, 0x7f, 0x66, 0x34, 0x12)); /* rel32 in 16-bit code */
    assert_int_equal(in.imm, 0x1234667f);
    in = good(state, CODE32, BYTES(0x66, 0xe8, 0xff, 0xff)); /* rel16 in 32-bit code */
    assert_int_equal(in.imm, 0xffffffff);
    assert_int_equal(in.opsize, 2);
}

static void test_address16(void **state)
{
    static const u8 base[8] = {EBX, EBX, EBP, EBP, ESI, EDI, EBP, EBX};
    static const u8 index[8] = {ESI, EDI, ESI, EDI, GPR_NONE, GPR_NONE, GPR_NONE, GPR_NONE};

    for (unsigned rm = 0; rm < 8; rm++) {
        struct insn in = good(state, CODE16, BYTES(0x8b, 0x80 | rm, 0xfe, 0xff));

        assert_int_equal(in.base, base[rm]);
        assert_int_equal(in.index, index[rm]);
        assert_int_equal(in.disp, -2);
        assert_int_equal(in.seg, base[rm] == EBP ? SEG_SS : SEG_DS);
        in = good(state, CODE16, BYTES(0x8b, 0x40 | rm, 0x80));
        assert_int_equal(in.disp, -128);
    }
    struct insn in =
        good(state, CODE16, BYTES(0x8b, 0x06, 0xfe, 0xff)); /* no base: a lone address */

    assert_int_equal(in.base, GPR_NONE);
    assert_int_equal(in.disp, 0xfffe);
    assert_int_equal(in.seg, SEG_DS);
}

static void test_address32(void **state)
{
    struct insn in = good(state, CODE32, BYTES(0x8b, 0x04, 0x24)); /* [esp] */

    assert_int_equal(in.base, ESP);
    assert_int_equal(in.index, GPR_NONE);
    assert_int_equal(in.seg, SEG_SS);
    in = good(state, CODE32, BYTES(0x8b, 0x44, 0xac, 0xf0)); /* [esp + ebp * 4 - 16] */
    assert_int_equal(in.base, ESP);
    assert_int_equal(in.index, EBP);
    assert_int_equal(in.scale, 2);
    assert_int_equal(in.disp, -16);
    in = good(state, CODE32,
              BYTES(0x8b, 0x04, 0xed, 0x00, 0x00, 0x00, 0x80)); /* [ebp * 8 + disp32] */
    assert_int_equal(in.base, GPR_NONE);
    assert_int_equal(in.index, EBP);
    assert_int_equal(in.scale, 3);
    assert_int_equal(in.seg, SEG_DS);                  /* EBP as index does not mean SS */
    in = good(state, CODE32, BYTES(0x8b, 0x45, 0x00)); /* [ebp + 0] */
    assert_int_equal(in.seg, SEG_SS);
    in = good(state, CODE32, BYTES(0x3e, 0x8b, 0x45, 0x00));
    assert_int_equal(in.seg, SEG_DS);
    in = good(state, CODE32, BYTES(0x8b, 0x05, 0x44, 0x33, 0x22, 0x91)); /* [disp32] */
    assert_int_equal(in.base, GPR_NONE);
    assert_int_equal((u32)in.disp, 0x91223344);
    in = good(state, CODE16,
              BYTES(0x67, 0x8b, 0x44, 0x88, 0x7f)); /* 32-bit address in 16-bit code */
    assert_int_equal(in.base, EAX);
    assert_int_equal(in.index, ECX);
    assert_int_equal(in.opsize, 2);
    in = good(state, CODE32,
              BYTES(0xc7, 0x84, 0x24, 1, 2, 3, 4, 5, 6, 7, 8)); /* disp and immediate */
    assert_int_equal(in.disp, 0x04030201);
    assert_int_equal(in.imm, 0x08070605);
}

static void test_strings(void **state)
{
    struct insn in = good(state, CODE32, BYTES(0xa4));

    assert_int_equal(in.seg, SEG_DS);
    in = good(state, CODE32, BYTES(0x26, 0xa5));
    assert_int_equal(in.seg, SEG_ES);
    assert_true(in.prefixes & PFX_SEG);
}

static void test_lock(void **state)
{
    assert_int_equal(result(state, CODE32, BYTES(0xf0, 0x01, 0x00)), DECODE_OK); /* add [eax],eax */
    assert_int_equal(result(state, CODE32, BYTES(0xf0, 0x01, 0xc0)), DECODE_UD); /* register */
    assert_int_equal(result(state, CODE32, BYTES(0xf0, 0x03, 0x00)),
                     DECODE_UD); /* source in memory */
    assert_int_equal(result(state, CODE32, BYTES(0xf0, 0x39, 0x00)), DECODE_UD); /* cmp */
    assert_int_equal(result(state, CODE32, BYTES(0xf0, 0x83, 0x38, 1)), DECODE_UD);
    assert_int_equal(result(state, CODE32, BYTES(0xf0, 0x83, 0x00, 1)), DECODE_OK);
    assert_int_equal(result(state, CODE32, BYTES(0xf0, 0x87, 0x00)), DECODE_OK); /* xchg */
    assert_int_equal(result(state, CODE32, BYTES(0xf0, 0x91)), DECODE_UD);       /* xchg eax,ecx */
    assert_int_equal(result(state, CODE32, BYTES(0xf0, 0x90)), DECODE_UD);       /* nop */
    assert_int_equal(result(state, CODE32, BYTES(0xf0, 0x89, 0x00)), DECODE_UD); /* mov */
    assert_int_equal(result(state, CODE32, BYTES(0xf0, 0xff, 0x00)), DECODE_OK); /* inc */
    assert_int_equal(result(state, CODE32, BYTES(0xf0, 0xff, 0x30)), DECODE_UD); /* push */
    assert_int_equal(result(state, CODE32, BYTES(0xf0, 0x0f, 0xa3, 0)), DECODE_UD); /* bt */
    assert_int_equal(result(state, CODE32, BYTES(0xf0, 0x0f, 0xab, 0)), DECODE_OK); /* bts */
    assert_int_equal(result(state, CODE32, BYTES(0xf0, 0x0f, 0xc7, 0x08)), DECODE_OK);
    /* CMPXCHG8B of a register: the bug of 1997. Not an instruction, with or without LOCK. */
    assert_int_equal(result(state, CODE32, BYTES(0xf0, 0x0f, 0xc7, 0xc8)), DECODE_UD);
    assert_int_equal(result(state, CODE32, BYTES(0x0f, 0xc7, 0xc8)), DECODE_UD);
}

static void test_invalid(void **state)
{
    assert_int_equal(result(state, CODE32, BYTES(0x8d, 0xc0)), DECODE_UD); /* lea of a register */
    assert_int_equal(result(state, CODE32, BYTES(0x8e, 0xc8)), DECODE_UD); /* mov cs */
    assert_int_equal(result(state, CODE32, BYTES(0x8c, 0xf0)), DECODE_UD); /* segment 6 */
    assert_int_equal(result(state, CODE32, BYTES(0x0f, 0x20, 0xc8)), DECODE_UD); /* CR1 */
    assert_int_equal(result(state, CODE32, BYTES(0xff, 0xf8)), DECODE_UD);
    assert_int_equal(result(state, CODE32, BYTES(0xfe, 0xd0)), DECODE_UD);
    assert_int_equal(result(state, CODE32, BYTES(0xff, 0xd8)), DECODE_UD); /* lcall of a register */
    assert_int_equal(result(state, CODE32, BYTES(0x0f, 0x04)), DECODE_UD);
    assert_int_equal(result(state, CODE32, BYTES(0x0f, 0x0a)), DECODE_UD);
    assert_int_equal(result(state, CODE32, BYTES(0xc5, 0xf8, 0x77)), DECODE_UD); /* VZEROUPPER */
    assert_int_equal(result(state, CODE32, BYTES(0x66, 0x0f, 0xae, 0xf0)), DECODE_UD);
}

static void test_odd_but_valid(void **state)
{
    struct insn in = good(state, CODE32, BYTES(0x0f, 0x1f, 0xc0)); /* nop eax */

    assert_string_equal(name(&in), "nop");
    good(state, CODE32, BYTES(0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0));
    good(state, CODE32, BYTES(0x0f, 0x0d, 0x08));
    good(state, CODE32, BYTES(0x0f, 0x0d, 0xc0));
    good(state, CODE32, BYTES(0xf3, 0x0f, 0x1e, 0xfb)); /* ENDBR32 is a hint NOP */
    in = good(state, CODE32, BYTES(0x0f, 0xae, 0xf9));  /* SFENCE with rm 1 */
    assert_string_equal(name(&in), "sfence");
    in = good(state, CODE32, BYTES(0x0f, 0xae, 0x39));
    assert_string_equal(name(&in), "clflush");
    in = good(state, CODE32, BYTES(0x82, 0xc0, 0x01));
    assert_string_equal(name(&in), "add");
    in = good(state, CODE32, BYTES(0xc0, 0xf0, 0x01));
    assert_string_equal(name(&in), "sal");
    in = good(state, CODE32, BYTES(0xf7, 0xc8, 1, 2, 3, 4));
    assert_string_equal(name(&in), "test");
    assert_int_equal(in.imm, 0x04030201);
    good(state, CODE32, BYTES(0xd6));
    good(state, CODE32, BYTES(0xf1));
    in = good(state, CODE32, BYTES(0xf3, 0x0f, 0xbd, 0xc1)); /* LZCNT is BSR to those before it */
    assert_string_equal(name(&in), "bsr");
    in = good(state, CODE32,
              BYTES(0x0f, 0x22, 0x04)); /* MOV CR0,ESP: mod is ignored, no SIB follows */
    assert_int_equal(in.modrm, 0x04);
}

static void test_x87(void **state)
{
    struct insn in;

    for (unsigned op = 0xd8; op < 0xe0; op++)
        for (unsigned modrm = 0xc0; modrm < 0x100; modrm++) {
            in = good(state, CODE32, BYTES(op, modrm));
            assert_int_equal(in.modrm, modrm);
            assert_string_equal(name(&in), "x87");
        }
    in = good(state, CODE16, BYTES(0x9b));
    assert_string_equal(name(&in), "wait");
    in = good(state, CODE32, BYTES(0xdf, 0xac, 0x24, 0x10, 0, 0, 0)); /* fild qword [esp+16] */
    assert_int_equal(in.base, ESP);
    assert_int_equal(in.disp, 16);
    assert_int_equal(in.seg, SEG_SS);
}

static void test_truncation(void **state)
{
    static const struct {
        u8 bytes[15];
        u8 len;
    } whole[] = {
        {{0xc7, 0x84, 0x24, 1, 2, 3, 4, 5, 6, 7, 8}, 11},
        {{0x66, 0xf0, 0x2e, 0x81, 0x84, 0x8d, 1, 2, 3, 4, 5, 6}, 12},
        {{0x9a, 1, 2, 3, 4, 5, 6}, 7},
        {{0x0f, 0x84, 1, 2, 3, 4}, 6},
        {{0x0f, 0xa4, 0x44, 0x24, 0x04, 0x1f}, 6},
        {{0x67, 0xa1, 1, 2}, 4},
        {{0xc8, 1, 2, 3}, 4},
        {{0xdb, 0xac, 0x24, 1, 2, 3, 4}, 7},
        {{0xf3, 0x66, 0xab}, 3},
    };
    struct insn in;

    for (unsigned i = 0; i < ARRAY_LEN(whole); i++) {
        for (unsigned n = 0; n < whole[i].len; n++) {
            u8 exact[15]; /* a copy, so that ASan sees a read past avail */

            memcpy(exact, whole[i].bytes, n);
            assert_int_equal(decode(*state, exact, n, CODE32, &in), DECODE_MORE);
        }
        assert_int_equal(decode(*state, whole[i].bytes, whole[i].len, CODE32, &in), DECODE_OK);
        assert_int_equal(in.len, whole[i].len);
    }
    /* What cannot become valid is #UD at once, whatever would follow. */
    assert_int_equal(result(state, CODE32, BYTES(0x8e, 0x0d)), DECODE_UD);
}

static void test_memo(void **state)
{
    struct decoder *d = *state;
    struct insn a = good(state, CODE32, BYTES(0xb8, 1, 0, 0, 0));
    u64 misses = decoder_stats(d)->misses;
    struct insn b =
        good(state, CODE32, BYTES(0xb8, 2, 0, 0, 0)); /* another immediate, the same form */

    assert_int_equal(decoder_stats(d)->misses, misses);
    assert_int_equal(a.imm, 1);
    assert_int_equal(b.imm, 2);
    a = good(state, CODE32, BYTES(0x8b, 0x44, 0x24, 0x10));
    misses = decoder_stats(d)->misses;
    b = good(state, CODE32, BYTES(0x65, 0x8b, 0x44, 0x24, 0xf0)); /* displacement, segment */
    assert_int_equal(decoder_stats(d)->misses, misses);
    assert_int_equal(a.disp, 16);
    assert_int_equal(b.disp, -16);
    assert_int_equal(a.seg, SEG_SS);
    assert_int_equal(b.seg, SEG_GS);
    assert_int_equal(b.len, 5);
    /* 66 in 16-bit code is the form that 32-bit code has without. */
    a = good(state, CODE16, BYTES(0x66, 0xb8, 4, 3, 2, 1));
    assert_int_equal(a.imm, 0x01020304);
    /* #UD is remembered as well. */
    assert_int_equal(result(state, CODE32, BYTES(0x8e, 0xc8)), DECODE_UD);
    misses = decoder_stats(d)->misses;
    assert_int_equal(result(state, CODE32, BYTES(0x8e, 0xc8)), DECODE_UD);
    assert_int_equal(decoder_stats(d)->misses, misses);
}

/* The promise is 40 ns for a hit; ten times that fails, to be safe from noise and sanitizers. */
static void test_memo_speed(void **state)
{
    static const u8 code[] = {0x8b, 0x44, 0x24, 0x10, 0x83, 0xc0,
                              0x01, 0x89, 0x45, 0xf8, 0x75, 0xf4};
    enum { ROUNDS = 50000 };
    struct timespec t0, t1;
    unsigned count = 0;
    double ns;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t0);
    for (unsigned i = 0; i < ROUNDS; i++)
        for (unsigned n = 0; n < sizeof(code); count++) {
            struct insn in;

            decode(*state, code + n, sizeof(code) - n, CODE32, &in);
            n += in.len;
        }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t1);
    ns = ((double)(t1.tv_sec - t0.tv_sec) * 1e9 + (double)(t1.tv_nsec - t0.tv_nsec)) / count;
    print_message("%.1f ns an instruction\n", ns);
    assert_true(ns < 400);
}

static void assert_text(void **state, enum code_size code, const u8 *bytes, unsigned n,
                        const char *want)
{
    char buf[80];

    assert_int_equal(decode_text(*state, bytes, n, code, 0x1000, buf, sizeof(buf)), n);
    assert_string_equal(buf, want);
}

static void test_text(void **state)
{
    char buf[80];

    assert_text(state, CODE32, BYTES(0x8b, 0x43, 0x04), "mov eax, dword ptr [ebx + 4]");
    assert_text(state, CODE32, BYTES(0x64, 0x8b, 0x43, 0x04), "mov eax, dword ptr fs:[ebx + 4]");
    assert_text(state, CODE32, BYTES(0x66, 0xf3, 0xab), "rep stosw word ptr es:[edi], ax");
    assert_text(state, CODE32, BYTES(0x74, 0xfe), "je 0x1000");
    assert_text(state, CODE16, BYTES(0xe9, 0x00, 0xe0), "jmp 0xf003");
    assert_text(state, CODE32, BYTES(0xf0, 0x0f, 0xb1, 0x0a), "lock cmpxchg dword ptr [edx], ecx");
    assert_text(state, CODE16, BYTES(0x89, 0x07), "mov word ptr [bx], ax");
    assert_int_equal(decode_text(*state, BYTES(0x0f, 0x04), CODE32, 0, buf, sizeof(buf)), 0);
}

static int count_modrm_forms(struct decoder *d, const u8 *opcode, unsigned n)
{
    u8 b[20] = {0};
    struct insn in;
    int count = 0;

    memcpy(b, opcode, n);
    for (unsigned modrm = 0; modrm < 256; modrm++) {
        b[n] = modrm;
        count += decode(d, b, sizeof(b), CODE32, &in) == DECODE_OK;
    }
    return count;
}

/* The opcode of 3DNow! stands last. */
static void test_3dnow(void **state)
{
    static const u8 pfadd[] = {0x0f, 0x0f, 0x44, 0x24, 0x10, 0x9e}; /* mm0, [esp + 10] */
    struct insn in;

    assert_int_equal(decode(*state, pfadd, sizeof(pfadd), CODE32, &in), DECODE_OK);
    assert_string_equal(insn_row_of(&in)->name, "pfadd");
    assert_int_equal(in.len, 6);
    assert_int_equal(in.base, ESP);
    assert_int_equal(in.disp, 0x10);
    assert_int_equal(in.opcode, 0x9e);
    assert_int_equal(in.seg, SEG_SS);
    for (unsigned n = 0; n < sizeof(pfadd); n++)
        assert_int_equal(decode(*state, pfadd, n, CODE32, &in), DECODE_MORE);
    assert_int_equal(result(state, CODE32, BYTES(0x0f, 0x0f, 0x44, 0x24, 0x10, 0x9f)), DECODE_UD);
    assert_int_equal(
        decode(*state, (const u8[]){0x0f, 0x0f, 0x06, 0x34, 0x12, 0xb4}, 6, CODE16, &in),
        DECODE_OK); /* pfmul mm0, [1234] */
    assert_string_equal(insn_row_of(&in)->name, "pfmul");
    assert_int_equal(in.disp, 0x1234);
    assert_int_equal(decode(*state, (const u8[]){0x0f, 0x0f, 0xc1, 0xbf}, 4, CODE32, &in),
                     DECODE_OK);
    assert_string_equal(insn_row_of(&in)->name, "pavgusb");
}

/* Rows of one opcode must agree on ModRM, and every row must be reachable. */
static void test_table(void **state)
{
    for (unsigned r = 0; r < insn_table_len; r++) {
        const struct insn_row *row = &insn_table[r];
        static const u8 mand_byte[] = {[MP_66] = 0x66, [MP_F3] = 0xf3, [MP_F2] = 0xf2};
        u8 b[20] = {0};
        unsigned n = 0, found = 0, step = 1, until = row->attr >> IA_UNTIL_SHIFT & 7;
        enum code_size code = row->attr & (IA_64 | IA_REXW) ? CODE64 : CODE32;
        struct insn in;

        decoder_set_isa(*state, until ? until - 1 : ISA_COUNT - 1);
        for (unsigned q = 0; q < insn_table_len; q++)
            if (insn_table[q].map == row->map && insn_table[q].opcode == row->opcode)
                assert_int_equal(insn_row_has_modrm(row), insn_row_has_modrm(&insn_table[q]));
        if (row->op[0] == OP_Zv && row->opcode == 0x90)
            step = 2; /* XCHG EAX,EAX is NOP: look at the next */
        if (row->mand < ARRAY_LEN(mand_byte) && mand_byte[row->mand])
            b[n++] = mand_byte[row->mand];
        if (row->attr & IA_REXW)
            b[n++] = REX | REX_W;
        else if (row->reg >= 8 && row->reg < 16)
            b[n++] = REX | REX_R;
        if (row->map != MAP_1B)
            b[n++] = 0x0f;
        if (row->map > MAP_0F)
            b[n++] = row->map == MAP_0F38 ? 0x38 : row->map == MAP_0F3A ? 0x3a : 0x0f;
        if (row->map == MAP_3DNOW) /* behind whatever the operand takes */
            memset(b + n, row->opcode, sizeof(b) - n);
        else
            b[n++] = row->opcode + step - 1;
        for (unsigned modrm = 0; modrm < 256; modrm++) {
            b[n] = modrm;
            found += decode(*state, b, sizeof(b), code, &in) == DECODE_OK && in.row == r;
        }
        if (!found)
            print_message("row %u (%s) is never decoded\n", r, row->name);
        assert_true(found > 0);
        assert_non_null(row->sem);
        assert_true(insn_row_takes_reg(row) || insn_row_takes_mem(row));
    }
    decoder_set_isa(*state, ISA_COUNT - 1);
    assert_int_equal(count_modrm_forms(*state, (const u8[]){0x8d}, 1), 192); /* LEA: memory only */
    assert_int_equal(count_modrm_forms(*state, (const u8[]){0x0f, 0x01}, 2), 5 * 24 + 2 * 32 + 5);
}

/* Any bytes at all: no crash, and a length within what was given. */
static void test_random(void **state)
{
    u64 x = 88172645463325252ull;
    struct insn in;

    for (unsigned i = 0; i < 300000; i++) {
        u8 b[16];
        unsigned avail;
        enum decode_result r;

        for (unsigned k = 0; k < 16; k += 8) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            memcpy(b + k, &x, 8);
        }
        avail = (x >> 20) % 17;
        r = decode(*state, b, avail, (enum code_size)(x % 3), &in);
        assert_true(in.len <= 15);
        assert_true(r == DECODE_LONG || in.len <= avail);
        if (r == DECODE_OK)
            assert_true(in.row < insn_table_len && in.len > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple),       cmocka_unit_test(test_prefix_order),
        cmocka_unit_test(test_length_limit), cmocka_unit_test(test_moffs),
        cmocka_unit_test(test_far_pointers), cmocka_unit_test(test_branches),
        cmocka_unit_test(test_address16),    cmocka_unit_test(test_address32),
        cmocka_unit_test(test_strings),      cmocka_unit_test(test_lock),
        cmocka_unit_test(test_invalid),      cmocka_unit_test(test_odd_but_valid),
        cmocka_unit_test(test_x87),          cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_memo),         cmocka_unit_test(test_memo_speed),
        cmocka_unit_test(test_text),         cmocka_unit_test(test_3dnow),
        cmocka_unit_test(test_table),        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
