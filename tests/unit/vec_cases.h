/* Cases of vector instructions, for test_sem_vec.c, test_sem_vec64.c and test_sem_ext.c: each is
 * decoded, lifted and run by the interpreter, as lifted and optimized. What a case does not mention
 * must not change. */
#ifndef TESTS_VEC_CASES_H
#define TESTS_VEC_CASES_H

#include "tests/unit/insn_rig.h"

#include "cpu/vec.h"

/* Physical memory, mapped one to one but for the absent page. */
enum {
    CODE = 0x10100,
    DATA = 0x20000, /* [ESI] */
    ABSENT = 0x22000,
    DATA_END = ABSENT,
};

struct test {
    const char *code;     /* bytes in hexadecimal; text after a ; is for the reader */
    const char *in, *out; /* name=value ..., in hexadecimal; see fields[] */
    bool code64;          /* in 64-bit mode */
};

/* What a case can name, and is compared. */
struct state {
    u64 gpr[GPR64_COUNT];
    union xmm xmm[16];
    u64 mm[8];
    u32 se[8]; /* exponents of the MMX registers */
    u32 mxcsr, fcw, fsw, empty, flags, cr0, cr4, eflags_ac;
    u32 fault, err; /* fault ~0: none */
    u32 eip;        /* relative to the code; ~0: right after it */
    u8 mem[DATA_END - DATA];
};

static inline int setup(void **state)
{
    *state = rig_new(CODE);
    return 0;
}

/* -- states as text -- */

#define FIELD(name)                                                                                \
    {                                                                                              \
#name, offsetof(struct state, name)                                                        \
    }
static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    {"eax", offsetof(struct state, gpr[EAX])},
    {"ecx", offsetof(struct state, gpr[ECX])},
    {"edx", offsetof(struct state, gpr[EDX])},
    {"ebx", offsetof(struct state, gpr[EBX])},
    {"esp", offsetof(struct state, gpr[ESP])},
    {"ebp", offsetof(struct state, gpr[EBP])},
    {"esi", offsetof(struct state, gpr[ESI])},
    {"edi", offsetof(struct state, gpr[EDI])},
    FIELD(mxcsr),
    FIELD(fcw),
    FIELD(fsw),
    FIELD(empty),
    FIELD(flags),
    FIELD(cr0),
    FIELD(cr4),
    {"ac", offsetof(struct state, eflags_ac)},
    FIELD(fault),
    FIELD(err),
    FIELD(eip),
};

static const char *const gpr64_names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                          "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

static inline void parse_one(struct state *s, const char *name, const char *value)
{
    unsigned n = (unsigned)strlen(value);
    char high[17] = {0};

    for (unsigned i = 0; i < GPR64_COUNT; i++) {
        if (!strcmp(name, gpr64_names[i])) {
            s->gpr[i] = strtoull(value, NULL, 16);
            return;
        }
    }
    if (!strncmp(name, "xmm", 3)) { /* 32 digits, high part first */
        union xmm *x = &s->xmm[strtoul(name + 3, NULL, 10)];
        assert_int_equal(n, 32);
        memcpy(high, value, 16);
        x->q[1] = strtoull(high, NULL, 16);
        x->q[0] = strtoull(value + 16, NULL, 16);
        return;
    }
    if (!strncmp(name, "mm", 2)) {
        s->mm[name[2] - '0'] = strtoull(value, NULL, 16);
        return;
    }
    if (!strncmp(name, "se", 2)) {
        s->se[name[2] - '0'] = (u32)strtoul(value, NULL, 16);
        return;
    }
    if (name[0] == '[') { /* as many bytes as value has digits for */
        store_le(s->mem + strtoul(name + 1, NULL, 16) - DATA, n / 2, strtoull(value, NULL, 16));
        return;
    }
    for (unsigned i = 0; i < ARRAY_LEN(fields); i++) {
        if (!strcmp(name, fields[i].name)) {
            u32 v = (u32)strtoul(value, NULL, 16);
            memcpy((u8 *)s + fields[i].offset, &v, 4);
            return;
        }
    }
    fail_msg("no such name: %s", name);
}

static inline void default_state(struct state *s)
{
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < 16; i++) {
        s->xmm[i].q[0] = 0x1111111111111111u * i + 0x89abcdef;
        s->xmm[i].q[1] = 0x1111111111111111u * i + 0x01234567;
    }
    for (unsigned i = 0; i < 8; i++) {
        s->gpr[i] = 0x01010101 * i;
        s->mm[i] = 0x1111111111111111 * i + 0x42;
        s->se[i] = 0x3fff;
    }
    s->gpr[ESI] = DATA;
    s->gpr[EDI] = DATA + 0x100;
    s->mxcsr = MXCSR_RESET;
    s->fcw = 0x37f;
    s->fsw = 5 << FSW_TOP_SHIFT;
    s->empty = 0xff;
    s->flags = FLAG_CF | FLAG_OF;
    s->cr0 = CR0_PE | CR0_PG | CR0_NE;
    s->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT;
    s->fault = ~0u;
    s->eip = ~0u;
    for (unsigned i = 0; i < sizeof(s->mem); i++)
        s->mem[i] = (u8)(i * 7 + (i >> 8));
}

/* -- the machine -- */

static inline void load_state(struct rig *r, const struct state *s, bool code64)
{
    struct cpu *cpu = r->cpu;

    memcpy(phys_ram(r->phys) + DATA, s->mem, sizeof(s->mem));
    memcpy(cpu->gpr, s->gpr, sizeof(s->gpr));
    memcpy(cpu->xmm, s->xmm, sizeof(s->xmm));
    memset(&cpu->xmm_scratch, 0xa5, sizeof(cpu->xmm_scratch));
    memset(cpu->scratch, 0xa5, sizeof(cpu->scratch));
    for (unsigned i = 0; i < 8; i++)
        cpu->fpu.st[i] = (struct f80){.sig = s->mm[i], .se = (u16)s->se[i]};
    cpu->fpu.fcw = (u16)s->fcw;
    cpu->fpu.fsw = (u16)s->fsw;
    cpu->fpu.empty = (u8)s->empty;
    cpu->mxcsr = s->mxcsr;
    cpu->cr0 = s->cr0 | (s->eflags_ac ? CR0_AM : 0);
    cpu->cr3 = RIG_DIR;
    cpu->cr4 = s->cr4 | (code64 ? CR4_PAE : 0);
    cpu->msr.efer = code64 ? EFER_LME | EFER_LMA : 0;
    cpu->cpl = 3;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        rig_set_seg(r, i, cpu->seg[i].sel, i == SEG_FS ? DATA : 0,
                    i == SEG_GS ? DATA + 0x10f : 0xffffffff,
                    SA_DB | SA_G | SA_DPL | (i == SEG_CS ? SA_CODE : 0));
    if (code64)
        cpu->seg[SEG_CS].attr ^= SA_L | SA_DB;
    cpu_set_eflags(cpu, 2 | s->flags | (s->eflags_ac ? FLAG_AC : 0));
    rig_update_mode(r);
    rig_start(r);
}

static inline void save_state(const struct rig *r, struct state *s)
{
    const struct cpu *cpu = r->cpu;

    memcpy(s->gpr, cpu->gpr, sizeof(s->gpr));
    memcpy(s->xmm, cpu->xmm, sizeof(s->xmm));
    for (unsigned i = 0; i < 8; i++) {
        s->mm[i] = cpu->fpu.st[i].sig;
        s->se[i] = cpu->fpu.st[i].se;
    }
    s->fcw = cpu->fpu.fcw;
    s->fsw = cpu->fpu.fsw;
    s->empty = cpu->fpu.empty;
    s->mxcsr = cpu->mxcsr;
    s->flags = cpu_eflags(cpu) & FLAGS_ARITH;
    s->eip = (u32)cpu->eip - CODE;
    memcpy(s->mem, phys_ram(r->phys) + DATA, sizeof(s->mem));
}

static inline void run(struct rig *r, struct state *out)
{
    const struct cpu *cpu = r->cpu;
    bool done = rig_run(r, false);

    out->fault = done ? ~0u : cpu->pending.vector;
    out->err = !done && cpu->pending.has_error ? cpu->pending.error : 0;
    save_state(r, out);
}

static inline void compare(const struct test *t, const struct state *want, const struct state *got)
{
    for (unsigned i = 0; i < ARRAY_LEN(fields); i++) {
        u32 a, b;
        memcpy(&a, (const u8 *)want + fields[i].offset, 4);
        memcpy(&b, (const u8 *)got + fields[i].offset, 4);
        if (a != b)
            fail_msg("%s: %s is %x, not %x", t->code, fields[i].name, b, a);
    }
    for (unsigned i = 0; i < 16; i++) {
        if (want->gpr[i] != got->gpr[i])
            fail_msg("%s: %s is %llx, not %llx", t->code, gpr64_names[i],
                     (unsigned long long)got->gpr[i], (unsigned long long)want->gpr[i]);
        if (memcmp(&want->xmm[i], &got->xmm[i], 16))
            fail_msg("%s: xmm%u is %016llx%016llx", t->code, i,
                     (unsigned long long)got->xmm[i].q[1], (unsigned long long)got->xmm[i].q[0]);
    }
    for (unsigned i = 0; i < 8; i++) {
        if (want->mm[i] != got->mm[i] || want->se[i] != got->se[i])
            fail_msg("%s: mm%u is %04x %016llx", t->code, i, got->se[i],
                     (unsigned long long)got->mm[i]);
    }
    for (unsigned i = 0; i < sizeof(got->mem); i++)
        if (want->mem[i] != got->mem[i])
            fail_msg("%s: byte %x is %02x, not %02x", t->code, DATA + i, got->mem[i], want->mem[i]);
}

static inline void check(struct rig *r, const struct test *t, bool optimize)
{
    static struct state in, want, got;
    unsigned len;

    default_state(&in);
    rig_parse(&in, t->in, parse_one);
    want = in;
    rig_parse(&want, t->out, parse_one);
    if (t->code64)
        rig_map_long(r, ABSENT);
    else
        rig_map(r, ABSENT);
    len = rig_load(r, t->code);
    if (want.eip == ~0u)
        want.eip = want.fault == ~0u ? len : 0;
    load_state(r, &in, t->code64);
    rig_lift(r, len, ISA_ALL, optimize);
    got = in;
    run(r, &got);
    compare(t, &want, &got);
}

#define CASES(name, ...)                                                                           \
    static void name(void **state)                                                                 \
    {                                                                                              \
        static const struct test tests[] = {__VA_ARGS__};                                          \
        for (unsigned i = 0; i < ARRAY_LEN(tests); i++) {                                          \
            check(*state, &tests[i], false);                                                       \
            check(*state, &tests[i], true);                                                        \
        }                                                                                          \
    }

#define MMX_ON "fsw=0 empty=0"

#endif
