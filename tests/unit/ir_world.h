/* A small world around the IR for tests: guest memory that logs every access with the state that
 * it saw, and fake helpers that do what their HF_ flags allow. Two runs that behave alike leave
 * the same log. Linked with the IR and the interpreter only: memory and helpers are defined here.
 * */
#ifndef TESTS_IR_WORLD_H
#define TESTS_IR_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "cpu/bits.h"
#include "cpu/help_x87.h"
#include "cpu/helpers.h"
#include "cpu/mem.h"
#include "cpu/vec.h"
#include "cpu/window.h"
#include "cpu/x87_ops.h"
#include "jit/backend.h"
#include "jit/ir.h"

static u64 world_log;        /* hash of everything observed */
static u32 world_fault_mask; /* accesses whose address hash & mask == 0 fault; 0: none */
static laddr world_fault_at; /* this address faults; 0: none */
static bool world_faulted;
static sigjmp_buf world_unwind;
static bool world_io; /* accesses count as device accesses */
static u32 world_writes;
static struct {
    laddr la;
    u32 value;
    unsigned size;
    bool user;
} world_last;

/* Makes the jump cache lead to b from eip, in supervisor mode, CS base 0. */
static inline void world_jump_entry(struct cpu *cpu, u32 eip, struct block *b)
{
    struct tlb_entry *page = &cpu->tlb.e[false][ACCESS_EXEC][eip >> PAGE_BITS];
    page->addend = 0x5000000000 | TLB_VALID;
    cpu->jump_cache[jump_cache_index(eip)] =
        (struct jump_cache_entry){eip, b->serial, b->code, page->addend | cpu->jump_tag, b};
}

static inline u64 mix(u64 h, u64 v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static inline u32 world_flags(const struct cpu *cpu)
{
    return cpu_arith_flags(cpu);
}

static inline u64 mix_regs(u64 h, const struct cpu *cpu)
{
    for (unsigned r = 0; r < GPR_COUNT; r++)
        h = mix(h, cpu->gpr[r]);
    return h;
}

/* Everything that must be exact where an op may fault */
static inline void observe(const struct cpu *cpu, u64 what)
{
    world_log = mix(mix_regs(mix(world_log, what), cpu), world_flags(cpu));
    world_log = mix(mix(world_log, cpu->insn_off), cpu->insn_left);
    world_log = mix(world_log, cpu_icount(cpu));
}

static inline u64 access_memory(struct cpu *cpu, u64 what, laddr la, unsigned size, u64 value)
{
    u64 h = mix(mix(1, la), size);
    observe(cpu, what);
    world_log = mix(mix(mix(world_log, la), size), value);
    if ((world_fault_mask && !(h >> 40 & world_fault_mask)) || (la && la == world_fault_at)) {
        world_faulted = true;
        siglongjmp(world_unwind, 1);
    }
    if (world_io)
        cpu->io_done = 1;
    world_last.la = la;
    world_last.size = size;
    world_last.value = (u32)value;
    return size < 8 ? mix(h, 7) & (((u64)1 << size * 8) - 1) : mix(h, 7);
}

u64 mem_read_miss(struct cpu *cpu, laddr la, unsigned size, enum priv user)
{
    world_last.user = user;
    return access_memory(cpu, 1, la, size, user);
}
void mem_write_miss(struct cpu *cpu, laddr la, unsigned size, u64 value, enum priv user)
{
    world_last.user = user;
    world_writes++;
    access_memory(cpu, 2, la, size, value & ~0ull >> (64 - size * 8));
}
void mem_probe_write(struct cpu *cpu, laddr la, unsigned size, enum priv user)
{
    access_memory(cpu, 3, la, size, user);
}
void mem_read_block(struct cpu *cpu, laddr la, void *buf, unsigned len, enum priv user)
{
    u64 v = access_memory(cpu, 4, la, len, user);
    for (unsigned i = 0; i < len; i++)
        ((u8 *)buf)[i] = (u8)(v >> i % 8 * 8);
}
void mem_write_block(struct cpu *cpu, laddr la, const void *buf, unsigned len, enum priv user)
{
    u64 h = user;
    for (unsigned i = 0; i < len; i++)
        h = mix(h, ((const u8 *)buf)[i]);
    access_memory(cpu, 5, la, len, h);
}
u64 mem_slow_read(struct cpu *cpu, laddr la, unsigned size)
{
    u64 v = access_memory(cpu, 6, la, size, 0);
    return size == 8 ? v : (u32)v;
}
void mem_slow_write(struct cpu *cpu, laddr la, unsigned size, u64 value)
{
    world_writes++;
    access_memory(cpu, 7, la, size, value & ~0ull >> (64 - size * 8));
}
u64 mem_slow_read_rmw(struct cpu *cpu, laddr la, unsigned size)
{
    u64 v = access_memory(cpu, 8, la, size, 0);
    return size == 8 ? v : (u32)v;
}
laddr seg_linear(struct cpu *cpu, enum seg seg, u64 off, unsigned size, enum access acc)
{
    access_memory(cpu, 9 + acc, off, size, seg);
    return cpu->seg[seg].base + (u32)off;
}
void seg_check_eip(struct cpu *cpu, u64 eip)
{
    access_memory(cpu, 12, eip, 1, 0);
}
u32 window_slow_read(struct cpu *cpu, u32 off, unsigned size, enum seg seg)
{
    return (u32)access_memory(cpu, 13, off, size, seg);
}
u32 window_slow_read_rmw(struct cpu *cpu, u32 off, unsigned size, enum seg seg)
{
    return (u32)access_memory(cpu, 14, off, size, seg);
}
void window_slow_write(struct cpu *cpu, u32 off, unsigned size, enum seg seg, u32 value)
{
    world_writes++;
    access_memory(cpu, 15 + seg, off, size, size == 4 ? value : value & ((1u << size * 8) - 1));
}
void mem_slow_read_block(struct cpu *cpu, laddr la, void *buf, unsigned len)
{
    mem_read_block(cpu, la, buf, len, false);
}
void mem_slow_write_block(struct cpu *cpu, laddr la, const void *buf, unsigned len)
{
    mem_write_block(cpu, la, buf, len, false);
}
void mem_check_align16(struct cpu *cpu, laddr la)
{
    if (!(la & 15))
        return;
    observe(cpu, 40);
    world_log = mix(world_log, la);
    world_faulted = true;
    siglongjmp(world_unwind, 1);
}

/* -- x87: the real instructions on the world's memory -- */

static inline struct x87_exec x87_begin(struct cpu *cpu, u32 desc)
{
    cpu_sync_fpu(cpu);
    return (struct x87_exec){
        .fpu = &cpu->fpu,
        .opcode = x87_desc_opcode(desc),
        .modrm = x87_desc_modrm(desc),
        .cs = cpu->seg[SEG_CS].sel,
        .ds = cpu->seg[x87_desc_seg(desc)].sel,
        .ip = cpu_eip(cpu),
    };
}

u32 help_x87_reg(struct cpu *cpu, u32 desc, u32 flags)
{
    const struct x87_form *form = x87_lookup(x87_desc_opcode(desc), x87_desc_modrm(desc));
    struct x87_exec x = x87_begin(cpu, desc);
    x.eflags = flags;
    x87_run(form, &x);
    return form->attr & X87_AX ? x.ax : x.eflags;
}

void help_wait(struct cpu *cpu)
{
    cpu_sync_fpu(cpu);
    if (!x87_pending(&cpu->fpu))
        return;
    observe(cpu, 41);
    world_faulted = true;
    siglongjmp(world_unwind, 1);
}

/* Bytes that the TLB grants, or NULL. */
static inline u8 *world_plain(struct cpu *cpu, laddr la, unsigned size, enum access acc)
{
    u64 entry = tlb_addend(&cpu->tlb, la, cpu_priv(cpu), acc);
    if (!(entry & TLB_VALID) || (la & PAGE_MASK) > PAGE_SIZE - size)
        return NULL;
    return (u8 *)(uintptr_t)(la + entry - TLB_VALID);
}

/* An FLDCW that changes the mode is a fault here; all segments are flat. */
void help_x87_mem64(struct cpu *cpu, u64 wide_desc, u64 off)
{
    u32 desc = (u32)wide_desc;
    const struct x87_form *form = x87_lookup(x87_desc_opcode(desc), x87_desc_modrm(desc));
    struct x87_exec x = x87_begin(cpu, desc);
    bool write = form->attr & X87_STORE;
    u8 *p = world_plain(cpu, off, form->size, write ? ACCESS_WRITE : ACCESS_READ);
    struct x87 f = cpu->fpu;
    x.fpu = &f;
    x.dp = off;
    if (!write && p)
        memcpy(x.mem, p, form->size);
    else if (!write)
        mem_slow_read_block(cpu, off, x.mem, form->size);
    x87_run(form, &x);
    if (x87_unmasked(&f) != x87_unmasked(&cpu->fpu))
        siglongjmp(world_unwind, 1);
    if (write && p && x.store)
        memcpy(p, x.mem, form->size);
    else if (write && x.store)
        mem_slow_write_block(cpu, off, x.mem, form->size);
    cpu->fpu = f;
}

/* #DE */
static inline void world_divide_error(const struct cpu *cpu)
{
    observe(cpu, 42);
    world_faulted = true;
    siglongjmp(world_unwind, 1);
}

static inline void world_divide64(struct cpu *cpu, bool is_signed, u64 divisor)
{
    __extension__ typedef unsigned __int128 u128;
    u128 n = (u128)cpu->gpr[EDX] << 64 | cpu->gpr[EAX], d = divisor;
    bool minus = is_signed && cpu->gpr[EDX] >> 63, other = is_signed && divisor >> 63;
    if (minus)
        n = -n;
    if (other)
        d = -(u64)divisor;
    u128 q = d ? n / d : 0, limit = is_signed ? ((u128)1 << 63) - 1 + (minus != other) : ~0ull;
    if (!d || q > limit)
        world_divide_error(cpu);
    u64 r = (u64)(n % d);
    cpu->gpr[EAX] = minus != other ? -(u64)q : (u64)q;
    cpu->gpr[EDX] = minus ? -r : r;
}

/* DIV and IDIV: a back end may have the host divide. */
static inline void world_divide(struct cpu *cpu, enum helper h, u64 divisor)
{
    unsigned n = (unsigned)h - HELPER_div8, bits = 8u << n % 3, up = 64 - bits;
    if (h >= HELPER_div64) {
        world_divide64(cpu, h == HELPER_idiv64, divisor);
        return;
    }
    bool is_signed = n >= 3;
    u64 low = bits == 8 ? cpu->gpr[EAX] & 0xff : cpu->gpr[EAX] & (u32)(~(u64)0 >> up);
    u64 high = bits == 8 ? cpu->gpr[EAX] >> 8 & 0xff : cpu->gpr[EDX] & (u32)(~(u64)0 >> up);
    u64 a = high << bits | low, b = (u64)divisor << up >> up, q = 0, r = 0;
    bool fits = b != 0;
    if (is_signed && fits) {
        s64 x = (s64)(a << (up - bits)) >> (up - bits), y = (s64)((u64)divisor << up) >> up;
        fits = !(x == INT64_MIN && y == -1);
        s64 sq = fits ? x / y : 0;
        fits &= sq == (s64)((u64)sq << up) >> up;
        q = (u64)sq;
        r = fits ? (u64)(x % y) : 0;
    } else if (fits) {
        q = a / b;
        r = a % b;
        fits = q >> bits == 0;
    }
    if (!fits)
        world_divide_error(cpu);
    u64 mask = ~(u64)0 >> up, keep = bits == 32 ? 0 : ~mask;
    if (bits == 8) {
        cpu->gpr[EAX] = (cpu->gpr[EAX] & ~0xffffull) | (r & 0xff) << 8 | (q & 0xff);
        return;
    }
    cpu->gpr[EAX] = (cpu->gpr[EAX] & keep) | (q & mask);
    cpu->gpr[EDX] = (cpu->gpr[EDX] & keep) | (r & mask);
}

/* A helper that uses every right it has. */
static inline u64 fake_helper(struct cpu *cpu, enum helper h, u64 a, u64 b, u64 c, u64 e)
{
    unsigned hf = helper_info[h].flags;
    if (h >= HELPER_div8 && h <= HELPER_idiv64) {
        world_divide(cpu, h, a);
        return 0;
    }
    if (h == HELPER_popcnt) /* these are what they are: back ends may compute them */
        return bits_count((u32)a);
    if (h == HELPER_popcnt64)
        return bits_count((u32)a) + bits_count((u32)(a >> 32));
    if (h >= HELPER_crc32_8 && h <= HELPER_crc32_32)
        return bits_crc32c((u32)a, (u32)b, 8u << (h - HELPER_crc32_8));
    world_log = mix(mix(mix(mix(mix(world_log, h), a), b), c), e);
    if (hf & HF_FAULT)
        observe(cpu, 30);
    if (hf & HF_REGS)
        world_log = mix_regs(world_log, cpu);
    if (hf & HF_FLAGS_R)
        world_log = mix(world_log, world_flags(cpu));
    u64 r = cpu_is_code64(cpu) ? world_log : (u32)world_log;
    if (hf & HF_REGS) {
        for (unsigned i = 0; i < GPR_COUNT; i++)
            if (r >> i & 1)
                cpu->gpr[i] = cpu_is_code64(cpu) ? r * (i + 3) : (u32)r * (i + 3);
    }
    if ((hf & HF_FLAGS_W) && (r & 0x300)) { /* not on every path */
        cpu->cc_op = FLAG_OP(FK_EFLAGS, 2);
        cpu->cc_src = r >> 7;
    }
    return r;
}

#define FAKE_PASS_0   0, 0, 0, 0
#define FAKE_PASS_1   a, 0, 0, 0
#define FAKE_PASS_2   a, b, 0, 0
#define FAKE_PASS_3   a, b, c, 0
#define FAKE_PASS_4   a, b, c, e
#define FAKE_RETURN_0 (void)
#define FAKE_RETURN_1 return
#define HELPER(name, ret, nargs, flags)                                                            \
    static HELPER_RET_##ret fake_##name(struct cpu *cpu HELPER_ARGS_##nargs)                       \
    {                                                                                              \
        FAKE_RETURN_##ret(u32) fake_helper(cpu, HELPER_##name, FAKE_PASS_##nargs);                 \
    }
#define HELPER64(name, ret, nargs, flags)                                                          \
    static HELPER64_RET_##ret fake_##name(struct cpu *cpu HELPER64_ARGS_##nargs)                   \
    {                                                                                              \
        FAKE_RETURN_##ret fake_helper(cpu, HELPER_##name, FAKE_PASS_##nargs);                      \
    }
#include "cpu/helper.def"
#undef HELPER
#undef HELPER64

const struct helper_info helper_info[HELPER_COUNT] = {
#define HELPER(name, ret, nargs, flags)                                                            \
    [HELPER_##name] = {#name, (void (*)(void))fake_##name, ret, nargs, flags, false},
#define HELPER64(name, ret, nargs, flags)                                                          \
    [HELPER_##name] = {#name, (void (*)(void))fake_##name, ret, nargs, flags, true},
#include "cpu/helper.def"
#undef HELPER
#undef HELPER64
};

static inline struct cpu *world_cpu(void)
{
    void *p = mmap(NULL, sizeof(struct cpu), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(p != MAP_FAILED);
    struct cpu *cpu = p;
    cpu->eip_mask = UINT32_MAX;
    return cpu;
}

static inline void world_cpu_free(struct cpu *cpu)
{
    munmap(cpu, sizeof(*cpu));
}

static inline u32 rnd(u64 *state)
{
    *state += 0x9e3779b97f4a7c15u;
    u64 z = *state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (u32)(z >> 32);
}

#endif
