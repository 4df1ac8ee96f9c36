/* Cases of integer instructions, for test_lift*.c: each is decoded, lifted and run by the
 * interpreter, once as lifted and once optimized. What a case does not mention must not change. */
#ifndef TESTS_LIFT_CASES_H
#define TESTS_LIFT_CASES_H

#include "tests/unit/insn_rig.h"

/* Physical memory, mapped one to one but for the absent page. */
enum {
    CODE = 0x10100,
    DATA = 0x20000, /* [ESI] */
    STACK = 0x28000,
    ABSENT = 0x30000,
    DATA_END = 0x34000,
};

enum env {
    FLAT,   /* 32-bit code, CPL 3 */
    KERNEL, /* the same, CPL 0 */
    REAL,   /* real mode: CS, DS, ES base 0x10000, SS base 0x20000 */
    V86,    /* the same in virtual-8086 mode */
    ALIGN,  /* FLAT with alignment checks */
    BASED,  /* FLAT with FS of base 0x20000 */
    OLD,    /* FLAT on an 80386 */
    LONG, /* 64-bit mode, CPL 3; code and stack in the upper half of the address space: RIG_HIGH */
    LONG_ALIGN, /* the same with alignment checks */
    LONG_BASED, /* the same with GS of base RIG_HIGH */
};

static inline bool is_long(enum env env)
{
    return env >= LONG;
}

struct test {
    const char *code;     /* bytes in hexadecimal; text after a ; is for the reader */
    const char *in, *out; /* name=value ..., in hexadecimal; see parse_one() */
    enum env env;
};

struct state {
    u64 gpr[GPR64_COUNT];
    u32 eflags;
    u32 flags_known; /* of an expectation */
    u64 eip;         /* relative to the code; ~0: right after it */
    u32 fault, err;  /* fault ~0: none */
    u8 mem[DATA_END - DATA];
};

static inline int setup(void **state)
{
    *state = rig_new(CODE);
    return 0;
}

/* -- states as text -- */

static const char *const reg_names[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
static const char *const reg64_names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                          "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

static const struct {
    const char *name;
    u32 mask;
} flag_names[] = {
    {"cf", FLAG_CF}, {"pf", FLAG_PF}, {"af", FLAG_AF}, {"zf", FLAG_ZF}, {"sf", FLAG_SF},
    {"of", FLAG_OF}, {"df", FLAG_DF}, {"if", FLAG_IF}, {"tf", FLAG_TF}, {"iopl", FLAG_IOPL},
    {"nt", FLAG_NT}, {"ac", FLAG_AC}, {"id", FLAG_ID},
};

/* Names: registers, flags, eip, fault, err, [address] for a dword of memory, {address} for 8
 * bytes. */
static inline void parse_one(struct state *s, const char *name, const char *value)
{
    u64 q = strtoull(value, NULL, 16);
    u32 v = (u32)q;

    for (unsigned i = 0; i < ARRAY_LEN(reg64_names); i++) {
        if (!strcmp(name, reg64_names[i])) {
            s->gpr[i] = q;
            return;
        }
    }
    for (unsigned i = 0; i < ARRAY_LEN(reg_names); i++) {
        if (!strcmp(name, reg_names[i])) {
            s->gpr[i] = v;
            return;
        }
    }
    for (unsigned i = 0; i < ARRAY_LEN(flag_names); i++) {
        if (!strcmp(name, flag_names[i].name)) {
            u32 mask = flag_names[i].mask;
            s->eflags = (s->eflags & ~mask) | (v * (mask & -mask));
            s->flags_known |= mask;
            return;
        }
    }
    if (!strcmp(name, "flags")) { /* all arithmetic flags */
        s->eflags = (s->eflags & ~(u32)FLAGS_ARITH) | v;
        s->flags_known |= FLAGS_ARITH;
    } else if (!strcmp(name, "eip")) {
        s->eip = q;
    } else if (!strcmp(name, "fault")) {
        s->fault = v;
    } else if (!strcmp(name, "err")) {
        s->err = v;
    } else if (name[0] == '[') {
        store_le(s->mem + strtoul(name + 1, NULL, 16) - DATA, 4, v);
    } else if (name[0] == '{') {
        store_le(s->mem + strtoul(name + 1, NULL, 16) - DATA, 8, q);
    } else {
        fail_msg("no such name: %s", name);
    }
}

static inline void default_state(struct state *s)
{
    static const u64 gpr[] = {0x11223344, 0x55667788,    0x99aabbcc, 0xddeeff00,
                              STACK,      STACK + 0x100, DATA,       DATA + 0x100};

    memset(s, 0, sizeof(*s));
    memcpy(s->gpr, gpr, sizeof(gpr));
    s->eflags = 2;
    s->fault = ~0u;
    s->eip = ~0ull;
    for (unsigned i = 0; i < sizeof(s->mem); i++)
        s->mem[i] = (u8)(i * 7 + (i >> 8));
}

/* -- the machine -- */

static inline void load_environment(struct rig *r, enum env env)
{
    struct cpu *cpu = r->cpu;
    bool real = env == REAL || env == V86, align = env == ALIGN || env == LONG_ALIGN;
    u16 dpl = env == KERNEL || env == REAL ? 0 : SA_DPL;
    u16 big = real ? 0 : SA_DB | SA_G;
    u32 base = real ? 0x10000 : 0;
    u32 limit = real ? 0xffff : 0xffffffff;

    cpu->cr0 = CR0_PG | (env == REAL ? 0 : CR0_PE) | (align ? CR0_AM : 0);
    cpu->cr3 = RIG_DIR;
    cpu->cr4 = is_long(env) ? CR4_PAE : 0;
    cpu->msr.efer = is_long(env) ? EFER_LME | EFER_LMA : 0;
    cpu->cpl = dpl ? 3 : 0;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        rig_set_seg(r, i, base >> 4, base, limit, dpl | big);
    rig_set_seg(r, SEG_CS, base >> 4, base, limit, big | dpl | (real ? 0 : SA_CODE));
    if (is_long(env))
        cpu->seg[SEG_CS].attr ^= SA_L | SA_DB;
    if (real)
        rig_set_seg(r, SEG_SS, 0x2000, 0x20000, limit, dpl);
    if (env == BASED)
        rig_set_seg(r, SEG_FS, DATA >> 4, DATA, limit, big | dpl);
    if (env == LONG_BASED)
        cpu->seg[SEG_GS].base_high = RIG_HIGH >> 32;
    if (env == V86)
        cpu->eflags |= FLAG_VM;
    if (align)
        cpu->eflags |= FLAG_AC;
    rig_update_mode(r);
}

static inline void load_state(struct rig *r, const struct state *s, enum env env)
{
    struct cpu *cpu = r->cpu;

    memcpy(phys_ram(r->phys) + DATA, s->mem, sizeof(s->mem));
    memcpy(cpu->gpr, s->gpr, sizeof(s->gpr));
    cpu_set_eflags(cpu, s->eflags);
    load_environment(r, env);
    rig_start(r);
    cpu->events = 0;
}

static inline bool lift_code(struct rig *r, unsigned len, enum env env, bool optimize)
{
    return rig_lift(r, len, env == OLD ? ISA_BIT(ISA_386 + 1) - 1 : ISA_ALL, optimize);
}

/* Runs what was lifted and fills *out. */
static inline void run(struct rig *r, bool repeats, struct state *out)
{
    const struct cpu *cpu = r->cpu;
    u64 start = cpu->eip;
    bool done = rig_run(r, repeats);

    out->fault = done ? ~0u : cpu->pending.vector;
    out->err = !done && cpu->pending.has_error ? cpu->pending.error : 0;
    memcpy(out->gpr, cpu->gpr, sizeof(out->gpr));
    out->eflags = cpu_eflags(cpu);
    out->eip = (cpu->eip - start) & cpu->eip_mask;
    memcpy(out->mem, phys_ram(r->phys) + DATA, sizeof(out->mem));
}

static inline void compare(const struct test *t, const struct state *want, const struct state *got)
{
    u32 changed = (want->eflags ^ got->eflags) & want->flags_known;

    for (unsigned i = 0; i < GPR64_COUNT; i++)
        if (want->gpr[i] != got->gpr[i])
            fail_msg("%s: %s is %llx, not %llx", t->code, reg64_names[i],
                     (unsigned long long)got->gpr[i], (unsigned long long)want->gpr[i]);
    if (changed)
        fail_msg("%s: flags are %x, not %x (%x differ)", t->code, got->eflags, want->eflags,
                 changed);
    if (want->eip != got->eip)
        fail_msg("%s: eip is %llx, not %llx", t->code, (unsigned long long)got->eip,
                 (unsigned long long)want->eip);
    if (want->fault != got->fault || want->err != got->err)
        fail_msg("%s: fault %x(%x), not %x(%x)", t->code, got->fault, got->err, want->fault,
                 want->err);
    for (unsigned i = 0; i < sizeof(got->mem); i++)
        if (want->mem[i] != got->mem[i])
            fail_msg("%s: byte %x is %02x, not %02x", t->code, DATA + i, got->mem[i], want->mem[i]);
}

static inline void check(struct rig *r, const struct test *t, bool optimize)
{
    static struct state in, want, got;
    unsigned len;
    bool repeats;

    default_state(&in);
    rig_parse(&in, t->in, parse_one);
    want = in;
    want.flags_known = 0;
    rig_parse(&want, t->out, parse_one);
    if (is_long(t->env))
        rig_map_long(r, ABSENT);
    else
        rig_map(r, ABSENT);
    len = rig_load(r, t->code);
    if (want.eip == ~0ull)
        want.eip = want.fault == ~0u ? len : 0;
    load_state(r, &in, t->env);
    repeats = lift_code(r, len, t->env, optimize);
    run(r, repeats, &got);
    compare(t, &want, &got);
}

static inline void check_all(void **state, const struct test *t, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        check(*state, &t[i], false);
        check(*state, &t[i], true);
    }
}

#define CASES(name, ...)                                                                           \
    static void name(void **state)                                                                 \
    {                                                                                              \
        static const struct test tests[] = {__VA_ARGS__};                                          \
        check_all(state, tests, ARRAY_LEN(tests));                                                 \
    }

#endif
