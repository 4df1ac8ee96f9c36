/* The x86-64 encoder: every function over all registers, sizes, conditions and kinds of memory
 * operand, disassembled by Capstone and compared with the text that was meant. */
#include <capstone/capstone.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "jit/x64/encode.h"

static const char *const names8[16] = {"al",   "cl",   "dl",   "bl",  "spl",  "bpl",
                                       "sil",  "dil",  "r8b",  "r9b", "r10b", "r11b",
                                       "r12b", "r13b", "r14b", "r15b"};
static const char *const names16[16] = {"ax",   "cx",   "dx",   "bx",  "sp",   "bp",
                                        "si",   "di",   "r8w",  "r9w", "r10w", "r11w",
                                        "r12w", "r13w", "r14w", "r15w"};
static const char *const names32[16] = {"eax",  "ecx",  "edx",  "ebx", "esp",  "ebp",
                                        "esi",  "edi",  "r8d",  "r9d", "r10d", "r11d",
                                        "r12d", "r13d", "r14d", "r15d"};
static const char *const names64[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
static const char *const high[4] = {"ah", "ch", "dh", "bh"};
static const unsigned sizes[4] = {1, 2, 4, 8};
static const char *const cc_names[16] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                         "s", "ns", "p", "np", "l", "ge", "le", "g"};

static csh cs;
static u8 buf[64];
static struct enc enc, *const e = &enc;

static const char *reg(unsigned size, unsigned r)
{
    return (size == 1 ? names8 : size == 2 ? names16 : size == 4 ? names32 : names64)[r];
}

static const char *ptr(unsigned size)
{
    return size == 1   ? "byte ptr "
           : size == 2 ? "word ptr "
           : size == 4 ? "dword ptr "
                       : "qword ptr ";
}

/* As Capstone prints a number */
static void number(char *out, size_t n, u64 v)
{
    snprintf(out, n, v < 10 ? "%llu" : "0x%llx", (unsigned long long)v);
}

static const char *mem(struct x_mem m)
{
    static char out[64];
    char disp[24] = "", index[24] = "";
    s64 d = m.disp;
    if (m.index != HOST_NONE && m.scale)
        snprintf(index, sizeof(index), "%s*%u", names64[m.index], 1u << m.scale);
    else if (m.index != HOST_NONE)
        snprintf(index, sizeof(index), "%s", names64[m.index]);
    number(disp, sizeof(disp), (u64)(d < 0 ? -d : d));
    snprintf(out, sizeof(out), "[%s%s%s%s%s]", m.base == HOST_NONE ? "" : names64[m.base],
             m.base != HOST_NONE && index[0] ? " + " : "", index,
             d == 0  ? ""
             : d < 0 ? " - "
                     : " + ",
             d == 0 ? "" : disp);
    return out;
}

static void begin(void)
{
    enc_init(e, buf, buf + sizeof(buf));
}

/* What has been emitted is one instruction, and reads like this. */
__attribute__((format(printf, 1, 2))) static void expect(const char *fmt, ...)
{
    char want[128], got[256];
    cs_insn *insn;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(want, sizeof(want), fmt, ap);
    va_end(ap);
    size_t n = cs_disasm(cs, buf, enc_pos(e), 0x1000, 1, &insn);
    if (n != 1)
        fail_msg("%s: not an instruction (first byte %02x)", want, buf[0]);
    assert_int_equal(insn->size, enc_pos(e));
    snprintf(got, sizeof(got), "%s%s%s", insn->mnemonic, insn->op_str[0] ? " " : "", insn->op_str);
    cs_free(insn, n);
    assert_string_equal(got, want);
    begin();
}

/* An immediate sign-extended to size bytes, as Capstone prints it */
static const char *simm(unsigned size, s32 v)
{
    static char out[24];
    s64 x = size == 1 ? (s8)v : size == 2 ? (s16)v : v;
    u64 mask = size == 8 ? ~0ull : (1ull << 8 * size) - 1;
    if (x < 0 && x > -10)
        snprintf(out, sizeof(out), "-%d", (int)-x);
    else if (x < 0 && size == 1)
        snprintf(out, sizeof(out), "-0x%x", (unsigned)-x);
    else
        number(out, sizeof(out), (u64)x & mask);
    return out;
}

static void registers_two_by_two(void **state)
{
    static const char *const alu[8] = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};
    (void)state;
    begin();
    for (unsigned d = 0; d < 16; d++) {
        for (unsigned s = 0; s < 16; s++) {
            for (unsigned k = 0; k < 4; k++) {
                unsigned z = sizes[k];
                for (unsigned op = 0; op < 8; op++) {
                    x_alu_rr(e, (enum x_alu)op, z, d, s);
                    expect("%s %s, %s", alu[op], reg(z, d), reg(z, s));
                }
                x_mov_rr(e, z, d, s);
                expect("mov %s, %s", reg(z, d), reg(z, s));
                x_test_rr(e, z, d, s);
                expect("test %s, %s", reg(z, d), reg(z, s));
            }
            for (unsigned k = 0; k < 2; k++) {
                x_zx(e, sizes[k], d, s);
                expect("movzx %s, %s", reg(4, d), reg(sizes[k], s));
                x_sx(e, sizes[k], 4, d, s);
                expect("movsx %s, %s", reg(4, d), reg(sizes[k], s));
                x_sx(e, sizes[k], 8, d, s);
                expect("movsx %s, %s", reg(8, d), reg(sizes[k], s));
            }
            x_sx(e, 4, 8, d, s);
            expect("movsxd %s, %s", reg(8, d), reg(4, s));
            x_imul_rr(e, 4, d, s);
            expect("imul %s, %s", reg(4, d), reg(4, s));
            x_imul_rr(e, 8, d, s);
            expect("imul %s, %s", reg(8, d), reg(8, s));
            for (unsigned z = 4; z <= 8; z += 4) {
                x_imul_rri(e, z, d, s, 0x123456);
                expect("imul %s, %s, 0x123456", reg(z, d), reg(z, s));
                x_imul_rri(e, z, d, s, 5);
                expect("imul %s, %s, 5", reg(z, d), reg(z, s));
                for (unsigned cc = 0; cc < 16; cc++) {
                    x_cmov(e, (enum x_cc)cc, z, d, s);
                    expect("cmov%s %s, %s", cc_names[cc], reg(z, d), reg(z, s));
                }
            }
            x_rr(e, 0xbc | XO_0F, d, s);
            expect("bsf %s, %s", reg(4, d), reg(4, s));
            x_rr(e, 0xbd | XO_0F, d, s);
            expect("bsr %s, %s", reg(4, d), reg(4, s));
            if (d && s) { /* with RAX there are two forms, and 90 is NOP */
                x_xchg(e, d, s);
                expect("xchg %s, %s", reg(8, s), reg(8, d));
            }
        }
    }
}

static void shifts(void **state)
{
    static const char *const shift[8] = {"rol", "ror", "rcl", "rcr", "shl", "shr", "", "sar"};
    (void)state;
    begin();
    for (unsigned d = 0; d < 16; d++) {
        for (unsigned op = 0; op < 8; op++) {
            if (op == 6)
                continue;
            for (unsigned k = 0; k < 4; k++) {
                x_shift_ri(e, (enum x_shift)op, sizes[k], d, 1);
                expect("%s %s, 1", shift[op], reg(sizes[k], d));
                x_shift_ri(e, (enum x_shift)op, sizes[k], d, 12);
                expect("%s %s, 0xc", shift[op], reg(sizes[k], d));
                x_shift_cl(e, (enum x_shift)op, sizes[k], d);
                expect("%s %s, cl", shift[op], reg(sizes[k], d));
            }
        }
        for (unsigned s = 0; s < 16; s++) {
            for (unsigned n = 0; n < 32; n++) {
                unsigned c = n & 15, z = n < 16 ? 4 : 8;
                x_shiftx(e, X_SHL, z, d, s, c);
                expect("shlx %s, %s, %s", reg(z, d), reg(z, s), reg(z, c));
                x_shiftx(e, X_SHR, z, d, s, c);
                expect("shrx %s, %s, %s", reg(z, d), reg(z, s), reg(z, c));
                x_shiftx(e, X_SAR, z, d, s, c);
                expect("sarx %s, %s, %s", reg(z, d), reg(z, s), reg(z, c));
            }
            x_rorx64(e, d, s, 32);
            expect("rorx %s, %s, 0x20", reg(8, d), reg(8, s));
        }
    }
}

static void one_register(void **state)
{
    (void)state;
    begin();
    for (unsigned d = 0; d < 16; d++) {
        for (unsigned k = 0; k < 4; k++) {
            x_unary(e, 2, sizes[k], d);
            expect("not %s", reg(sizes[k], d));
            x_unary(e, 3, sizes[k], d);
            expect("neg %s", reg(sizes[k], d));
            x_incdec(e, 0, sizes[k], d);
            expect("inc %s", reg(sizes[k], d));
            x_incdec(e, 1, sizes[k], d);
            expect("dec %s", reg(sizes[k], d));
        }
        x_bswap(e, 4, d);
        expect("bswap %s", reg(4, d));
        x_bswap(e, 8, d);
        expect("bswap %s", reg(8, d));
        x_push(e, d);
        expect("push %s", reg(8, d));
        x_pop(e, d);
        expect("pop %s", reg(8, d));
        x_mov_ri(e, d, 0x12345678);
        expect("mov %s, 0x12345678", reg(4, d));
        x_mov_ri64(e, d, 0x123456789abcdef0);
        expect("movabs %s, 0x123456789abcdef0", reg(8, d));
        x_mov_ri64(e, d, 0x89abcdef);
        expect("mov %s, 0x89abcdef", reg(4, d));
        x_mov_ri64(e, d, 0xffffffff89abcdef);
        expect("mov %s, -0x76543211", reg(8, d));
        x_unary(e, 4, 8, d);
        expect("mul %s", reg(8, d));
        x_unary(e, 5, 8, d);
        expect("imul %s", reg(8, d));
        x_mov_low_ri(e, 1, d, 0x45);
        expect("mov %s, 0x45", reg(1, d));
        x_mov_low_ri(e, 2, d, 0x4567);
        expect("mov %s, 0x4567", reg(2, d));
        x_bt_ri(e, d, 31);
        expect("bt %s, 0x1f", reg(4, d));
        x_bt_ri(e, d, 63);
        expect("bt %s, 0x3f", reg(8, d));
        x_rr(e, 0xff, 2, d);
        expect("call %s", reg(8, d));
        x_rr(e, 0xff, 4, d);
        expect("jmp %s", reg(8, d));
        for (unsigned cc = 0; cc < 16; cc++) {
            x_setcc(e, (enum x_cc)cc, d);
            expect("set%s %s", cc_names[cc], reg(1, d));
        }
    }
}

static void immediates(void **state)
{
    static const char *const alu[8] = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};
    static const s32 values[] = {0, 1, 9, 0x45, 0x7f, 0x80, 0x1234, 0x12345678};
    (void)state;
    begin();
    for (unsigned d = 0; d < 16; d++) {
        for (unsigned k = 0; k < 4; k++) {
            unsigned z = sizes[k];
            for (unsigned v = 0; v < ARRAY_LEN(values); v++) {
                s32 x = values[v];
                if ((z == 1 && x > 0x7f) || (z == 2 && x > 0x7fff))
                    continue;
                for (unsigned op = 0; op < 8; op++) {
                    x_alu_ri(e, (enum x_alu)op, z, d, x);
                    expect("%s %s, %s", alu[op], reg(z, d), simm(z, x));
                }
                x_test_ri(e, z, d, (u32)x);
                expect("test %s, %s", reg(z, d), simm(z, x));
            }
        }
        x_alu_ri(e, X_AND, 4, d, -4096); /* four bytes */
        expect("and %s, 0xfffff000", reg(4, d));
        assert_int_equal((x_alu_ri(e, X_ADD, 4, d, -4), enc_pos(e)), d < 8 ? 3 : 4);
        expect("add %s, -4", reg(4, d));
    }
}

static void high_bytes(void **state)
{
    (void)state;
    begin();
    for (unsigned d = 0; d < 4; d++) {
        for (unsigned s = 0; s < 4; s++) {
            x_mov_high(e, d, s);
            expect("mov %s, %s", high[d], reg(1, s));
        }
        x_mov_high_i(e, d, 0x45);
        expect("mov %s, 0x45", high[d]);
        for (unsigned r = 0; r < 8; r++) {
            x_movzx_high(e, r, d);
            expect("movzx %s, %s", reg(4, r), high[d]);
        }
    }
}

static void check_memory(struct x_mem m, unsigned r)
{
    for (unsigned k = 0; k < 4; k++) {
        unsigned z = sizes[k];
        x_load(e, z, r, m);
        if (z < 4)
            expect("movzx %s, %s%s", reg(4, r), ptr(z), mem(m));
        else
            expect("mov %s, %s%s", reg(z, r), ptr(z), mem(m));
        x_store(e, z, m, r);
        expect("mov %s%s, %s", ptr(z), mem(m), reg(z, r));
        x_store_i(e, z, m, 0x45);
        expect("mov %s%s, 0x45", ptr(z), mem(m));
        x_alu_rm(e, X_CMP, z, r, m);
        expect("cmp %s, %s%s", reg(z, r), ptr(z), mem(m));
        x_alu_mr(e, X_XOR, z, m, r);
        expect("xor %s%s, %s", ptr(z), mem(m), reg(z, r));
        x_alu_mi(e, X_SUB, z, m, 0x45);
        expect("sub %s%s, 0x45", ptr(z), mem(m));
        if (z > 1) {
            x_alu_mi(e, X_SUB, z, m, 0x1234);
            expect("sub %s%s, 0x1234", ptr(z), mem(m));
        }
    }
    for (unsigned z = 1; z <= 2; z++) {
        x_load_sx(e, z, 4, r, m);
        expect("movsx %s, %s%s", reg(4, r), ptr(z), mem(m));
        x_load_sx(e, z, 8, r, m);
        expect("movsx %s, %s%s", reg(8, r), ptr(z), mem(m));
    }
    x_load_sx(e, 4, 8, r, m);
    expect("movsxd %s, %s%s", reg(8, r), ptr(4), mem(m));
    x_lea(e, 4, r, m);
    expect("lea %s, %s", reg(4, r), mem(m));
    x_lea(e, 8, r, m);
    expect("lea %s, %s", reg(8, r), mem(m));
    x_bt_mi(e, m, 7);
    expect("bt dword ptr %s, 7", mem(m));
    x_bt_mi(e, m, 40);
    expect("bt qword ptr %s, 0x28", mem(m));
    x_rm(e, 0xff, 4, m);
    expect("jmp qword ptr %s", mem(m));
    x_rm(e, 0x6e | XO_0F | XO_66, 0, m);
    expect("movd xmm0, dword ptr %s", mem(m));
    x_rm(e, 0x7e | XO_0F | XO_F3, 0, m);
    expect("movq xmm0, qword ptr %s", mem(m));
    x_rm(e, 0xd6 | XO_0F | XO_66, 0, m);
    expect("movq qword ptr %s, xmm0", mem(m));
    x_rm(e, 0x6f | XO_0F | XO_F3, 0, m);
    expect("movdqu xmm0, xmmword ptr %s", mem(m));
}

static void memory_operands(void **state)
{
    static const s32 disps[] = {0, 1, 8, 0x7f, -1, -0x80, 0x80, -0x81, 0x12345678};
    (void)state;
    begin();
    for (unsigned base = 0; base < 16; base++) {
        for (unsigned d = 0; d < ARRAY_LEN(disps); d++) {
            check_memory(x_at(base, disps[d]), (base * 5 + d) & 15);
            for (unsigned index = 0; index < 16; index++) {
                if (index != RSP)
                    check_memory(x_idx(base, index, (base + d) & 3, disps[d]), (index + 3) & 15);
            }
        }
    }
    for (unsigned index = 0; index < 16; index++) {
        if (index != RSP)
            check_memory(x_idx(HOST_NONE, index, 2, 0x1234), index);
    }
}

static void jumps(void **state)
{
    (void)state;
    for (unsigned cc = 0; cc < 16; cc++) {
        begin();
        u32 at = x_jcc(e, (enum x_cc)cc);
        e->p += 0x20 - 6; /* to position 0x20 */
        x_bind(e, at);
        e->p = buf + 6;
        expect("j%s 0x1020", cc_names[cc]);
        x_jcc_to(e, (enum x_cc)cc, -0x100);
        expect("j%s 0xf00", cc_names[cc]);
        at = x_jcc8(e, (enum x_cc)cc);
        e->p = buf + 0x30;
        x_bind8(e, at);
        e->p = buf + 2;
        expect("j%s 0x1030", cc_names[cc]);
    }
    u32 at = x_jmp(e);
    e->p = buf + 0x10;
    x_bind(e, at);
    e->p = buf + 5;
    expect("jmp 0x1010");
    x_jmp_to(e, 0x2000);
    expect("jmp 0x3000");
    x_call_to(e, -0x1000);
    expect("call 0");
}

/* What tells whether the host's flags are still those of an earlier instruction */
static void flag_changes_are_counted(void **state)
{
    u32 gen;
    (void)state;
    begin();
#define KEEPS(call)   (gen = e->flags_gen, call, assert_int_equal(e->flags_gen, gen), begin())
#define CHANGES(call) (gen = e->flags_gen, call, assert_int_not_equal(e->flags_gen, gen), begin())
    KEEPS(x_mov_rr(e, 4, RAX, R9));
    KEEPS(x_mov_ri(e, RAX, 0));
    KEEPS(x_lea(e, 4, RAX, x_at(RCX, 4)));
    KEEPS(x_load(e, 4, RAX, x_at(RCX, 4)));
    KEEPS(x_store(e, 4, x_at(RCX, 4), RAX));
    KEEPS(x_store_i(e, 4, x_at(RCX, 4), 1));
    KEEPS(x_zx(e, 1, RAX, RCX));
    KEEPS(x_setcc(e, CC_B, RAX));
    KEEPS(x_cmov(e, CC_B, 4, RAX, RCX));
    KEEPS(x_unary(e, 2, 4, RAX)); /* NOT */
    KEEPS(x_rorx64(e, RAX, RCX, 3));
    KEEPS(x_shiftx(e, X_SHL, 4, RAX, RCX, RDX));
    KEEPS(x_bswap(e, 4, RAX));
    KEEPS(x_xchg(e, RAX, RCX));
    KEEPS((void)x_jcc(e, CC_B));
    CHANGES(x_alu_rr(e, X_ADD, 4, RAX, RCX));
    CHANGES(x_alu_ri(e, X_CMP, 1, RAX, 1));
    CHANGES(x_alu_rm(e, X_CMP, 4, RAX, x_at(RCX, 4)));
    CHANGES(x_alu_mi(e, X_CMP, 4, x_at(RCX, 4), 1));
    CHANGES(x_test_rr(e, 4, RAX, RCX));
    CHANGES(x_test_ri(e, 1, RAX, 1));
    CHANGES(x_unary(e, 3, 4, RAX)); /* NEG */
    CHANGES(x_incdec(e, 0, 4, RAX));
    CHANGES(x_shift_ri(e, X_SHL, 4, RAX, 3));
    CHANGES(x_shift_cl(e, X_ROL, 4, RAX));
    CHANGES(x_imul_rr(e, 4, RAX, RCX));
    CHANGES(x_imul_rri(e, 4, RAX, RCX, 3));
    CHANGES(x_bt_ri(e, RAX, 1));
    CHANGES(x_bt_mi(e, x_at(RAX, 1), 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_two_by_two),
        cmocka_unit_test(shifts),
        cmocka_unit_test(one_register),
        cmocka_unit_test(immediates),
        cmocka_unit_test(high_bytes),
        cmocka_unit_test(memory_operands),
        cmocka_unit_test(jumps),
        cmocka_unit_test(flag_changes_are_counted),
    };
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &cs) != CS_ERR_OK)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cs_close(&cs);
    return failed;
}
