/* Every MMX and SSE form of the tables in 64-bit mode, with random REX prefixes, registers and
 * operands: decoded, lifted and run by the interpreter, against the host's own execution of the
 * same bytes. All registers, the flags, MXCSR and memory must agree. The page of data lies at the
 * same address in the guest and in this process. */
#include "tests/unit/insn_rig.h"

#include <cpuid.h>
#include <sys/mman.h>

#include "cpu/vec.h"

enum { CODE = 0x10100, DATA = 0x20000, ABSENT = 0x22000, ROUNDS = 300, RSP_FIELD = 4 };

struct regs {
    u64 gpr[GPR64_COUNT];
    union xmm xmm[16];
    u64 mm[8];
    u64 flags;
    u32 mxcsr, mxcsr_host;
};

static u64 rng = 1;

static u32 rnd(void)
{
    rng = rng * 6364136223846793005u + 1442695040888963407u;
    return (u32)(rng >> 32);
}

/* -- the host -- */

struct code {
    u8 *bytes;
    unsigned n;
};

static void put(struct code *c, const void *bytes, unsigned n)
{
    memcpy(c->bytes + c->n, bytes, n);
    c->n += n;
}

static void put_address(struct code *c, const char *opcode, const void *p)
{
    u64 at = (u64)(uintptr_t)p;
    put(c, opcode, 2);
    put(c, &at, 8);
}

/* [prefix] REX 0F? opcode with register reg and the field at [rax + disp]; opcode 0F xx or xx */
static void put_field(struct code *c, unsigned prefix, unsigned rex, unsigned opcode, unsigned reg,
                      size_t disp)
{
    u32 d = (u32)disp;
    if (prefix)
        c->bytes[c->n++] = (u8)prefix;
    c->bytes[c->n++] = (u8)(0x40 | rex | (reg & 8 ? 4 : 0));
    if (opcode >> 8)
        c->bytes[c->n++] = 0x0f;
    c->bytes[c->n++] = (u8)opcode;
    c->bytes[c->n++] = (u8)(0x80 | (reg & 7) << 3);
    put(c, &d, 4);
}

#define AT(field) offsetof(struct regs, field)

/* Loads or stores all but RAX and RSP by RAX. */
static void move_registers(struct code *c, bool load)
{
    for (unsigned i = 0; i < 16; i++)
        put_field(c, 0, 0, load ? 0xf10 : 0xf11, i, AT(xmm[i])); /* movups */
    for (unsigned i = 0; i < 8; i++)
        put_field(c, 0, 0, load ? 0xf6f : 0xf7f, i, AT(mm[i])); /* movq */
    for (unsigned i = ECX; i < GPR64_COUNT; i++)
        if (i != ESP)
            put_field(c, 0, 8, load ? 0x8b : 0x89, i, AT(gpr[i]));
}

/* A function that executes insn with *in and leaves *out. */
static void make(struct code *c, const u8 *insn, unsigned len, const struct regs *in,
                 struct regs *out)
{
    c->n = 0;
    put(c, "\x53\x55\x41\x54\x41\x55\x41\x56\x41\x57", 10); /* push rbx, rbp, r12 to r15 */
    put_address(c, "\x48\xb8", out);                        /* mov rax, imm64 */
    put_field(c, 0, 0, 0xfae, 3, AT(mxcsr_host));           /* stmxcsr */
    put_address(c, "\x48\xb8", in);
    put_field(c, 0, 0, 0xff, 6, AT(flags));  /* push */
    put_field(c, 0, 0, 0xfae, 2, AT(mxcsr)); /* ldmxcsr */
    c->bytes[c->n++] = 0x9d;                 /* popf */
    move_registers(c, true);
    put_field(c, 0, 8, 0x8b, EAX, AT(gpr[EAX]));
    put(c, insn, len);
    put_address(c, "\x48\xa3", &out->gpr[EAX]); /* mov [abs], rax */
    put_address(c, "\x48\xb8", out);
    c->bytes[c->n++] = 0x9c; /* pushf */
    move_registers(c, false);
    put_field(c, 0, 0, 0x8f, 0, AT(flags));  /* pop */
    put_field(c, 0, 0, 0xfae, 3, AT(mxcsr)); /* stmxcsr */
    put_field(c, 0, 0, 0xfae, 2, AT(mxcsr_host));
    put(c, "\x0f\x77\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5d\x5b\xc3", 13); /* emms, pops, ret */
}

static bool host_has(unsigned isa)
{
    unsigned a, b, c = 0, d, b7 = 0, x;
    __get_cpuid(1, &a, &b, &c, &d);
    if (!__get_cpuid_count(7, 0, &a, &b7, &x, &d))
        b7 = 0;
    switch (isa) {
    case ISA_MMX:
    case ISA_MMXEXT:
    case ISA_SSE:
    case ISA_SSE2: return true;
    case ISA_SSE3: return c & bit_SSE3;
    case ISA_SSSE3: return c & bit_SSSE3;
    case ISA_SSE41: return c & bit_SSE4_1;
    case ISA_SSE42: return c & bit_SSE4_2;
    case ISA_POPCNT: return c & bit_POPCNT;
    case ISA_MOVBE: return c & bit_MOVBE;
    case ISA_AES: return c & bit_AES;
    case ISA_PCLMUL: return c & bit_PCLMUL;
    case ISA_SHA: return b7 & bit_SHA;
    default: return false;
    }
}

/* -- instructions -- */

static bool is_wanted(const struct insn_row *row)
{
    static const char *const not [] = {"ldmxcsr", "stmxcsr", "prefetch", "lfence", "mfence",
                                       "sfence",  "rcp",     "rsqrt",    "nop"};
    if (!host_has(row->isa) || row->map == MAP_1B || !insn_row_has_modrm(row) ||
        (row->attr & (IA_PRIV | IA_NO64)))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(not ); i++)
        if (!strncmp(row->name, not [i], strlen(not [i])))
            return false;
    return true;
}

static bool is_gpr_rm(unsigned kind)
{
    return kind == OP_Ey || kind == OP_Ed || kind == OP_Ev || kind == OP_Ew || kind == OP_Eb ||
           kind == OP_RdMb || kind == OP_RdMw;
}

static bool is_gpr_reg(unsigned kind)
{
    return kind == OP_Gd || kind == OP_Gy || kind == OP_Gv;
}

struct form {
    u8 bytes[16];
    unsigned len;
    bool mem;
    unsigned base; /* of the memory operand */
};

/* A random encoding. False: one that would use RSP. */
static bool encode(const struct insn_row *row, struct form *f)
{
    static const u8 prefix[] = {[MP_66] = 0x66, [MP_F3] = 0xf3, [MP_F2] = 0xf2};
    bool reg_only = !insn_row_takes_mem(row), mem_only = !insn_row_takes_reg(row);
    unsigned rex = rnd() & 7 ? 0x40 | (rnd() & 0xf) : 0;
    unsigned reg = row->reg >= 0 ? (unsigned)row->reg : rnd() & 7, rm = rnd() & 7;
    u8 *p = f->bytes;

    if (row->attr & IA_REXW)
        rex |= 0x48;
    f->mem = mem_only || (!reg_only && (rnd() & 1));
    if ((f->mem && rm == 5) || (rm == RSP_FIELD && f->mem && !(rex & REX_B)))
        return false; /* RIP, RSP */
    if (f->mem && rm == RSP_FIELD)
        rex &= ~(unsigned)REX_X;
    for (unsigned i = 0; i < 3; i++) {
        if (is_gpr_reg(row->op[i]) && reg == RSP_FIELD && !(rex & REX_R))
            return false;
        if (is_gpr_rm(row->op[i]) && rm == RSP_FIELD && !f->mem && !(rex & REX_B))
            return false;
    }
    if (row->mand >= MP_66)
        *p++ = prefix[row->mand];
    if (rex)
        *p++ = (u8)rex;
    *p++ = 0x0f;
    if (row->map != MAP_0F)
        *p++ = row->map == MAP_0F38 ? 0x38 : 0x3a;
    *p++ = row->opcode;
    *p++ = (u8)((f->mem ? 0 : 0xc0) | reg << 3 | rm);
    if (f->mem && rm == RSP_FIELD)
        *p++ = 0x24; /* SIB: no index */
    f->base = rm | (rex & REX_B ? 8 : 0);
    for (unsigned n = insn_row_imm_size(row, 4); n; n--)
        *p++ = (u8)rnd();
    f->len = (unsigned)(p - f->bytes);
    return true;
}

/* -- operands -- */

static u64 value(void)
{
    static const u64 edges[] = {
        0,
        1ull << 63,
        ~0ull,
        0x7fffffffffffffff,
        0x3ff0000000000000,
        0xc1e0000000200000,
        0x43dfffffffffffff,
        0x7ff8000000000001,
        0x3f8000004f000000,
        0x5effffffdf000000,
        0x000000007fffffff,
        0xffffffff80000000,
    };
    u64 v = (u64)rnd() << 32 | rnd();
    u32 how = rnd() % 4;
    return how == 0   ? edges[v % ARRAY_LEN(edges)]
           : how == 1 ? v >> (v & 63)
           : how == 2 ? v
                      : v & 31;
}

static void random_registers(struct regs *r, const struct form *f, bool maskmov)
{
    for (unsigned i = 0; i < GPR64_COUNT; i++)
        r->gpr[i] = value();
    for (unsigned i = 0; i < 32; i++)
        r->xmm[i / 2].q[i % 2] = value();
    for (unsigned i = 0; i < 8; i++)
        r->mm[i] = value();
    if (f->mem)
        r->gpr[f->base] = DATA + (rnd() & 0xff0);
    if (maskmov)
        r->gpr[EDI] = DATA + (rnd() & 0xfe0);
    r->flags = 2 | (rnd() & FLAGS_ARITH);
    r->mxcsr = MXCSR_MASKS | (rnd() & 3) << MXCSR_RC_SHIFT | (rnd() & 1 ? MXCSR_DAZ : 0) |
               (rnd() & 1 ? MXCSR_FTZ : 0);
}

/* -- the guest -- */

static void load_guest(struct rig *r, const struct regs *in)
{
    struct cpu *cpu = r->cpu;

    memcpy(cpu->gpr, in->gpr, sizeof(in->gpr));
    memcpy(cpu->xmm, in->xmm, sizeof(in->xmm));
    for (unsigned i = 0; i < 8; i++)
        cpu->fpu.st[i] = (struct f80){.sig = in->mm[i], .se = 0xffff};
    cpu->fpu.fcw = FCW_INIT;
    cpu->fpu.fsw = 0;
    cpu->fpu.empty = 0;
    cpu->mxcsr = in->mxcsr;
    cpu_set_eflags(cpu, (u32)in->flags);
    rig_update_mode(r);
    rig_start(r);
}

static void save_guest(const struct rig *r, struct regs *out)
{
    struct cpu *cpu = r->cpu;

    memcpy(out->gpr, cpu->gpr, sizeof(out->gpr));
    memcpy(out->xmm, cpu->xmm, sizeof(out->xmm));
    for (unsigned i = 0; i < 8; i++)
        out->mm[i] = cpu->fpu.st[i].sig;
    out->mxcsr = cpu->mxcsr;
    out->flags = cpu_eflags(cpu);
}

static void fail_form(const struct insn_row *row, const struct form *f, const char *what, u64 host,
                      u64 guest)
{
    char text[64] = "";
    for (unsigned i = 0; i < f->len; i++)
        snprintf(text + 3 * i, 4, "%02x ", f->bytes[i]);
    fail_msg("%s (%s): %s is %016llx, by the host %016llx", row->name, text, what,
             (unsigned long long)guest, (unsigned long long)host);
}

static void compare(const struct insn_row *row, const struct form *f, const struct regs *host,
                    const struct regs *guest)
{
    char what[16];

    for (unsigned i = 0; i < GPR64_COUNT; i++) {
        snprintf(what, sizeof(what), "register %u", i);
        if (i != ESP && host->gpr[i] != guest->gpr[i])
            fail_form(row, f, what, host->gpr[i], guest->gpr[i]);
    }
    for (unsigned i = 0; i < 32; i++) {
        snprintf(what, sizeof(what), "xmm%u.%u", i / 2, i % 2);
        if (host->xmm[i / 2].q[i % 2] != guest->xmm[i / 2].q[i % 2])
            fail_form(row, f, what, host->xmm[i / 2].q[i % 2], guest->xmm[i / 2].q[i % 2]);
    }
    for (unsigned i = 0; i < 8; i++) {
        snprintf(what, sizeof(what), "mm%u", i);
        if (host->mm[i] != guest->mm[i])
            fail_form(row, f, what, host->mm[i], guest->mm[i]);
    }
    if ((host->flags ^ guest->flags) & FLAGS_ARITH)
        fail_form(row, f, "flags", host->flags, guest->flags);
    if (host->mxcsr != guest->mxcsr)
        fail_form(row, f, "mxcsr", host->mxcsr, guest->mxcsr);
}

/* -- both -- */

struct world {
    struct rig *r;
    struct code code;
    u8 *data;
};

static void run_form(struct world *w, const struct insn_row *row, const struct form *f)
{
    static struct regs in, host, guest;
    u8 *ram = phys_ram(w->r->phys);
    void (*fn)(void);

    random_registers(&in, f, !strncmp(row->name, "maskmov", 7));
    for (unsigned i = 0; i < PAGE_SIZE; i += 8)
        store_le(ram + DATA + i, 8, value());
    memcpy(w->data, ram + DATA, PAGE_SIZE);

    host = in;
    make(&w->code, f->bytes, f->len, &in, &host);
    memcpy(&fn, &w->code.bytes, sizeof(fn));
    fn();

    memcpy(ram + CODE, f->bytes, f->len);
    load_guest(w->r, &in);
    rig_lift(w->r, f->len, ISA_ALL, rnd() & 1);
    if (!rig_run(w->r, false))
        fail_form(row, f, "exception", 0, w->r->cpu->pending.vector);
    guest = in;
    save_guest(w->r, &guest);
    compare(row, f, &host, &guest);
    if (memcmp(w->data, ram + DATA, PAGE_SIZE))
        fail_form(row, f, "memory", 0, 0);
}

static void set_up(struct rig *r)
{
    struct cpu *cpu = r->cpu;

    cpu->cr0 = CR0_PE | CR0_PG | CR0_NE;
    cpu->cr3 = RIG_DIR;
    cpu->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    cpu->msr.efer = EFER_LME | EFER_LMA;
    cpu->cpl = 3;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        rig_set_seg(r, i, 0x33, 0, 0xffffffff,
                    SA_G | SA_DPL | (i == SEG_CS ? SA_CODE | SA_L : SA_DB));
    rig_map_long(r, ABSENT);
}

static void as_the_host(void **state)
{
    struct world w = {.r = *state};
    unsigned forms = 0;

    w.code.bytes =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    w.data = mmap((void *)(uintptr_t)DATA, PAGE_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (w.code.bytes == MAP_FAILED || w.data != (void *)(uintptr_t)DATA) {
        print_message("skipped: the host allows no generated code, or not that address\n");
        skip();
    }
    set_up(w.r);
    for (unsigned i = 0; i < insn_table_len; i++) {
        struct form f;
        if (!is_wanted(&insn_table[i]))
            continue;
        forms++;
        for (unsigned k = 0; k < ROUNDS; k++)
            if (encode(&insn_table[i], &f))
                run_form(&w, &insn_table[i], &f);
    }
    assert_true(forms > 200);
    munmap(w.code.bytes, 4096);
    munmap(w.data, PAGE_SIZE);
}

static int setup(void **state)
{
    *state = rig_new(CODE);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_the_host)};

    return cmocka_run_group_tests(tests, setup, rig_free);
}
