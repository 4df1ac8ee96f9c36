/* The machine that streams run in: a CPU and 1 MiB of RAM with descriptor tables, TSSs, page tables
 * and handlers that halt, put into one of several modes with random registers.
 *
 * The CPU is put back by copying all of struct cpu before the jump cache, which makes the
 * instruction count start over; memory by putting back the pages that the TLB lets it write. What
 * escapes that (a flush in the middle of a stream) is found by comparing all of RAM now and then.
 */
#include "tests/streams/streams.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "cpu/cpuid.h"
#include "cpu/seg.h"
#include "cpu/state.h"
#include "cpu/x87_ops.h"
#include "jit/backend.h"
#include "jit/jit.h"
#include "machine/machine.h"
#include "tests/oracle/oracle.h"

#define RAM_SIZE  (1u << 20)
#define RAM_USED  0xa0000u /* what is there of it */
#define STEPS     48
#define GDT_AT    0x1000u
#define IDT_AT    0x2000u
#define TSS_AT    0x3000u
#define TSS16_AT  0x3800u
#define PD_AT     0x4000u
#define PT_AT     0x5000u
#define PDPT_AT   0x6000u
#define PAE_PD_AT 0x7000u
#define STREAM_AT 0x8000u
#define HALT_AT   0x9000u
#define PAE_PT_AT 0xa000u
#define STACK_AT  0xb000u
#define MARK_LA   0xdeadc000u

enum {
    SEL_CODE32_0 = 8,
    SEL_DATA_0 = 0x10,
    SEL_CODE32_3 = 0x1b,
    SEL_DATA_3 = 0x23,
    SEL_CODE16_0 = 0x28,
    SEL_DATA16_0 = 0x30,
    SEL_CODE16_3 = 0x3b,
    SEL_DATA16_3 = 0x43,
    SEL_TSS = 0x48,
    SEL_LDT = 0x58,
    SEL_DOWN_3 = 0x63,
    SEL_RO_3 = 0x83,
};

static const struct config {
    const char *name;
    bool prot, vm, paging, pae;
    u16 cs, ss;
} configs[] = {
    {"real", false, false, false, false, 0x0800, 0x0b00},
    {"real unpaged at 0", false, false, false, false, 0, 0},
    {"v86", true, true, false, false, 0x0800, 0x0b00},
    {"v86 paged", true, true, true, false, 0x0800, 0x0b00},
    {"16-bit supervisor", true, false, false, false, SEL_CODE16_0, SEL_DATA16_0},
    {"16-bit user", true, false, false, false, SEL_CODE16_3, SEL_DATA16_3},
    {"16-bit user paged", true, false, true, false, SEL_CODE16_3, SEL_DATA16_3},
    {"32-bit supervisor", true, false, false, false, SEL_CODE32_0, SEL_DATA_0},
    {"32-bit supervisor paged", true, false, true, false, SEL_CODE32_0, SEL_DATA_0},
    {"32-bit user", true, false, false, false, SEL_CODE32_3, SEL_DATA_3},
    {"32-bit user paged", true, false, true, false, SEL_CODE32_3, SEL_DATA_3},
    {"32-bit user PAE", true, false, true, true, SEL_CODE32_3, SEL_DATA_3},
    {"32-bit code, 16-bit stack", true, false, true, false, SEL_CODE32_3, SEL_DATA16_3},
};
const unsigned world_configs = ARRAY_LEN(configs);

struct world {
    struct phys *phys;
    struct cpu *cpu;
    struct jit *jit;
    struct cpu_model model;
    u8 *image;    /* RAM as it was at first */
    u8 *cpu_base; /* the CPU after reset */
    unsigned runs;
    u32 stream_at;
    u8 code[RAM_USED >> PAGE_BITS]; /* pages that held code when it began */
};

const char *world_config_name(unsigned config)
{
    return configs[config].name;
}

/* -- devices that are not there -- */

static u32 port_in(void *opaque, u16 port, unsigned size)
{
    (void)opaque;
    return (port * 0x01010101u) & (size == 4 ? ~0u : (1u << 8 * size) - 1);
}

static void port_out(void *opaque, u16 port, unsigned size, u32 value)
{
    (void)opaque;
    (void)port;
    (void)size;
    (void)value;
}

static int intack(void *opaque)
{
    (void)opaque;
    return 0;
}

/* -- what stands in memory -- */

static void put64(u8 *ram, u32 at, u64 v)
{
    memcpy(ram + at, &v, 8);
}

static void put32(u8 *ram, u32 at, u32 v)
{
    memcpy(ram + at, &v, 4);
}

static u64 segment(u32 base, u32 limit, u32 bits)
{
    return (u64)(base >> 24) << 56 | (u64)(limit >> 16 & 15) << 48 | (u64)(base & 0xffffff) << 16 |
           (limit & 0xffff) | (u64)bits << 40;
}

static u64 gate(u16 sel, u32 off, u32 bits)
{
    return (u64)(off >> 16) << 48 | (u64)bits << 40 | (u64)sel << 16 | (off & 0xffff);
}

/* bits: the access byte, then 4 G, 2... at 8 and above: G D of the second dword's byte 2. */
static void make_tables(u8 *ram)
{
    const u32 g = 0x8000, d = 0x4000;
    const u64 gdt[] = {
        0,
        segment(0, 0xfffff, 0x9b | g | d),              /* 08 code32 */
        segment(0, 0xfffff, 0x93 | g | d),              /* 10 data */
        segment(0, 0xfffff, 0xfb | g | d),              /* 18 */
        segment(0, 0xfffff, 0xf3 | g | d),              /* 20 */
        segment(0, 0xffff, 0x9b),                       /* 28 code16 */
        segment(0, 0xffff, 0x93),                       /* 30 data16 */
        segment(0, 0xffff, 0xfb),                       /* 38 */
        segment(0, 0xffff, 0xf3),                       /* 40 */
        segment(TSS_AT, 0x7ff, 0x8b),                   /* 48 TSS, busy */
        gate(SEL_CODE32_0, HALT_AT, 0xec) | 1ull << 32, /* 50 call gate with a parameter */
        segment(GDT_AT, 0x7f, 0x82),                    /* 58 LDT: the GDT again */
        segment(0x10000, 0xfff, 0xf7 | d),              /* 60 expand-down */
        segment(TSS16_AT, 0x2b, 0xe1),                  /* 68 16-bit TSS */
        gate(0x68, 0, 0xe5),                            /* 70 task gate */
        segment(0, 0xfffff, 0xff | g | d),              /* 78 conforming */
        segment(0x8000, 0x8fff, 0xf1 | d),              /* 80 read-only */
        segment(0, 0xfffff, 0x73 | g | d),              /* 88 absent */
    };
    for (unsigned i = 0; i < ARRAY_LEN(gdt); i++)
        put64(ram, GDT_AT + 8 * i, gdt[i]);
    for (unsigned i = 0; i < 256; i++) {
        put32(ram, 4 * i, HALT_AT << 12 | (i & 15));
        put64(ram, IDT_AT + 8 * i,
              i == 0x70 ? gate(0x70, 0, 0xe5)
                        : gate(SEL_CODE32_0, HALT_AT + (i & 15), i & 1 ? 0xee : 0x8e));
    }
    put32(ram, TSS_AT + 4, STACK_AT + 0xf00);
    put32(ram, TSS_AT + 8, SEL_DATA_0);
    put32(ram, TSS_AT + 0x1c, PD_AT);
    put32(ram, TSS_AT + 0x20, HALT_AT);
    put32(ram, TSS_AT + 0x64, 0x68 << 16);
    memset(ram + TSS_AT + 0x68, 0x55, 0x700);
    put32(ram, TSS16_AT + 14, HALT_AT);
    put32(ram, TSS16_AT + 0x24, SEL_CODE16_0 << 16 | SEL_DATA16_0);
    memset(ram + STREAM_AT, 0xf4,
           HALT_AT + PAGE_SIZE - STREAM_AT); /* nothing long behind a stream */
    memset(ram + 0x40000, 0xf4, RAM_USED - 0x40000);
}

static void make_pages(u8 *ram)
{
    put32(ram, PD_AT, PT_AT | 7);
    put32(ram, PD_AT + 4, 0x87);          /* a large page */
    put32(ram, PD_AT + 8, 0x200000 | 7);  /* a table where there is no memory */
    put32(ram, PD_AT + 0xffc, PD_AT | 3); /* itself */
    put64(ram, PDPT_AT, PAE_PD_AT | 1);
    put64(ram, PDPT_AT + 24, PAE_PD_AT | 1);
    put64(ram, PAE_PD_AT, PAE_PT_AT | 7);
    put64(ram, PAE_PD_AT + 8, 0x87);
    put64(ram, PAE_PD_AT + 16, 1ull << 50 | 7); /* reserved bits */
    for (unsigned i = 0; i < 0x100; i++) {
        u32 bits = i == 0x20 ? 0 : i == 0x21 ? 5 : i == 0x22 ? 3 : i == 0x23 ? 0x107 : 7;
        put32(ram, PT_AT + 4 * i, i << 12 | bits);
        put64(ram, PAE_PT_AT + 8 * i, (u64)i << 12 | bits | (i == 0x24 ? 1ull << 63 : 0));
    }
}

/* -- making -- */

struct world *world_new(const char *accel, struct decoder *d)
{
    const struct cpu_pins pins = {.in = port_in, .out = port_out, .intack = intack};
    const struct jit_config config = {.backend = backend_find(accel), .cache_bytes = 4u << 20};
    const char *why = "";
    if (!config.backend)
        return NULL;
    struct world *w = calloc(1, sizeof(*w));
    CHECK(w, "out of memory");
    w->phys = phys_new(RAM_SIZE);
    w->cpu = cpu_new(w->phys, &pins);
    w->model = *cpu_model_default();
    w->model.isa = ISA_GENERATIONS - 1;
    w->model.features = ~0ull;
    cpu_set_model(w->cpu, &w->model);
    w->cpu->decoder = d;
    w->jit = jit_new(w->cpu, &config, &why);
    CHECK(w->jit, "%s", why);
    cpu_reset(w->cpu);
    make_tables(phys_ram(w->phys));
    make_pages(phys_ram(w->phys));
    w->image = malloc(RAM_USED);
    w->cpu_base = malloc(offsetof(struct cpu, jump_cache));
    CHECK(w->image && w->cpu_base, "out of memory");
    memcpy(w->image, phys_ram(w->phys), RAM_USED);
    memcpy(w->cpu_base, w->cpu, offsetof(struct cpu, jump_cache));
    return w;
}

void world_free(struct world *w)
{
    jit_free(w->jit);
    cpu_free(w->cpu);
    phys_free(w->phys);
    free(w->image);
    free(w->cpu_base);
    free(w);
}

/* -- restoring -- */

static void restore_page(struct world *w, u32 pa)
{
    u8 *page = phys_ram(w->phys) + pa;
    if (phys_code_lines(w->phys, pa))
        phys_dma_write(w->phys, pa, w->image + pa, PAGE_SIZE);
    else
        memcpy(page, w->image + pa, PAGE_SIZE);
}

void world_restore(struct world *w)
{
    for (u32 pa = 0; pa < RAM_USED; pa += PAGE_SIZE)
        if (memcmp(phys_ram(w->phys) + pa, w->image + pa, PAGE_SIZE))
            restore_page(w, pa);
}

static void restore_if_changed(struct world *w, u32 pa)
{
    if (pa < RAM_USED && memcmp(phys_ram(w->phys) + pa, w->image + pa, PAGE_SIZE))
        restore_page(w, pa);
}

/* A page that the TLB has let someone write. */
static void restore_named(struct world *w, u64 key)
{
    const struct tlb *t = w->cpu->mmu.tlb;
    laddr la = tlb_key_linear(key);
    enum priv priv = tlb_key_priv(key);
    if (tlb_key_access(key) != ACCESS_WRITE)
        return;
    size_t pa = la & 0x3fffff; /* if a page fault has dropped the entry: as make_pages() maps */
    if (tlb_has(t, la, priv, ACCESS_WRITE))
        pa = (size_t)(tlb_host(t, la, priv, ACCESS_WRITE) - phys_ram(w->phys));
    if (pa < RAM_USED)
        restore_page(w, (u32)pa);
}

/* The first entry of the TLB's list tells whether the stream has emptied it. */
static void mark_tlb(struct world *w)
{
    tlb_fill(w->cpu->mmu.tlb, MARK_LA, PRIV_SUPER_AC, ACCESS_READ, phys_ram(w->phys), false);
}

static bool tlb_was_flushed(const struct world *w)
{
    const struct tlb_list *l = &w->cpu->mmu.tlb->filled[false];
    return l->n == 0 || l->key[0] != (MARK_LA >> PAGE_BITS << 4 | PRIV_SUPER_AC << 2 | ACCESS_READ);
}

/* Pages that the TLB has let someone write, and those with code, where it lets nobody. All memory
 * if it has been emptied. */
static void restore_written(struct world *w)
{
    const struct tlb *t = w->cpu->mmu.tlb;
    bool flushed = tlb_was_flushed(w);
    if (flushed)
        world_restore(w);
    for (unsigned global = 0; global < 2; global++)
        for (u32 i = 0; i < t->filled[global].n && !flushed; i++)
            restore_named(w, t->filled[global].key[i]);
    for (u32 i = 0; i < ARRAY_LEN(w->code); i++)
        if (w->code[i] || phys_code_lines(w->phys, i << PAGE_BITS))
            restore_if_changed(w, i << PAGE_BITS);
    /* page tables: A and D bits */
    restore_if_changed(w, PD_AT);
    restore_if_changed(w, PT_AT);
    restore_if_changed(w, PAE_PD_AT);
    restore_if_changed(w, PAE_PT_AT);
    restore_if_changed(w, GDT_AT); /* accessed bits */
}

/* -- a stream's state -- */

static u32 address(u64 *seed)
{
    switch (below(seed, 4)) {
    case 0: return edge(seed);
    case 1: return below(seed, RAM_USED);
    case 2: return 0x20000 + below(seed, 0x5000) - 8;
    default: return below(seed, 0x10000);
    }
}

static void set_segment(struct world *w, enum seg seg, u16 sel)
{
    struct segment *s = &w->cpu->seg[seg];
    struct desc d;
    memcpy(&d, phys_ram(w->phys) + GDT_AT + (sel & 0xf8), sizeof(d));
    if (sel_null(sel))
        seg_null(s, sel);
    else
        seg_from_desc(s, sel, d);
}

static void set_segments(struct world *w, const struct config *c, u64 *seed)
{
    static const u16 data[] = {SEL_DATA_3, SEL_DATA16_3, SEL_DOWN_3, SEL_RO_3, 0, SEL_CODE32_3};
    struct cpu *cpu = w->cpu;
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        u16 sel = i == SEG_CS ? c->cs : i == SEG_SS ? c->ss : (u16)address(seed);
        if (!c->prot)
            seg_set_real(&cpu->seg[i], sel);
        else if (c->vm)
            seg_set_v86(&cpu->seg[i], sel);
        else if (i == SEG_CS || i == SEG_SS)
            set_segment(w, (enum seg)i, sel);
        else
            set_segment(w, (enum seg)i,
                        one_in(seed, 2) ? SEL_DATA_3 : data[below(seed, ARRAY_LEN(data))]);
    }
}

static void set_control(struct world *w, const struct config *c, u64 *seed)
{
    struct cpu *cpu = w->cpu;
    cpu->cr0 = CR0_ET | (c->prot ? (u32)CR0_PE : 0) | (c->paging ? (u32)CR0_PG : 0) |
               (one_in(seed, 2) ? (u32)CR0_NE : 0) | (one_in(seed, 2) ? (u32)CR0_WP : 0) |
               (one_in(seed, 2) ? (u32)CR0_AM : 0);
    if (one_in(seed, 8))
        cpu->cr0 |= rnd32(seed) & (CR0_MP | CR0_EM | CR0_TS);
    cpu->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_PSE;
    if (one_in(seed, 4))
        cpu->cr4 = rnd32(seed);
    cpu->cr4 = (cpu->cr4 & cpu_cr4_bits(cpu) & ~(u32)CR4_PAE) | (c->pae ? (u32)CR4_PAE : 0);
    cpu->cr3 = c->pae ? PDPT_AT : PD_AT;
    cpu->msr.efer = c->pae ? EFER_NXE : 0;
    cpu->mmu.cr0 = cpu->cr0;
    cpu->mmu.cr3 = cpu->cr3;
    cpu->mmu.cr4 = cpu->cr4;
    cpu->mmu.nxe = c->pae;
    if (c->pae)
        mmu_load_pdptes(&cpu->mmu);
    if (c->prot) {
        cpu->gdtr.base = GDT_AT;
        cpu->gdtr.limit = 0x8f;
        cpu->idtr.base = IDT_AT;
        cpu->idtr.limit = 0x7ff;
        cpu->tr = (struct segment){
            .sel = SEL_TSS, .attr = SA_P | SYS_TSS32_BUSY, .base = TSS_AT, .limit = 0x7ff};
        cpu->ldtr =
            (struct segment){.sel = SEL_LDT, .attr = SA_P | SYS_LDT, .base = GDT_AT, .limit = 0x7f};
    } else {
        cpu->idtr.base = 0;
        cpu->idtr.limit = 0x3ff;
    }
    cpu->cpl = c->vm ? 3 : c->prot ? c->cs & 3 : 0;
}

static void set_registers(struct world *w, const struct config *c, u64 *seed)
{
    struct cpu *cpu = w->cpu;
    u8 fx[512] __attribute__((aligned(16)));
    for (unsigned i = 0; i < 8; i++)
        cpu->gpr[i] = address(seed);
    u32 flags = rnd32(seed) & (FLAGS_ARITH | FLAG_DF | FLAG_IF | FLAG_IOPL);
    if (one_in(seed, 4))
        flags |= rnd32(seed) & (FLAG_AC | FLAG_NT | FLAG_ID);
    if (one_in(seed, 16))
        flags |= FLAG_TF;
    cpu_set_eflags(cpu, 2 | flags | (c->vm ? (u32)FLAG_VM : 0));
    bool paragraphs = !c->prot || c->vm;
    cpu->gpr[ESP] = (paragraphs && c->ss ? 0 : STACK_AT) + 0x800 + below(seed, 0x100);
    if (one_in(seed, 2))
        edge_fx(seed, fx);
    else
        plain_fx(fx);
    x87_fxrstor(&cpu->fpu, fx, false);
    memcpy(&cpu->mxcsr, fx + 24, 4);
    memcpy(cpu->xmm, fx + 160, sizeof(cpu->xmm));
    w->stream_at = STREAM_AT + (one_in(seed, 8) ? 0xff0 + below(seed, 16) : 64 * below(seed, 60));
    cpu->eip = w->stream_at - (paragraphs && c->cs ? STREAM_AT : 0);
    if (one_in(seed, 64)) { /* breakpoints */
        for (unsigned i = 0; i < 4; i++)
            cpu->dr[i] = one_in(seed, 2) ? w->stream_at + below(seed, 16) : address(seed);
        cpu->dr[7] = rnd32(seed) | 0x400;
    }
}

void world_load(struct world *w, const struct stream *s)
{
    const struct config *c = &configs[s->config];
    struct cpu *cpu = w->cpu;
    u64 seed = s->seed;
    restore_written(w);
    if (w->stream_at)
        phys_dma_write(w->phys, w->stream_at, w->image + w->stream_at, STREAM_BYTES);
    mmu_flush(&cpu->mmu);
    memcpy(cpu, w->cpu_base, offsetof(struct cpu, jump_cache));
    cpu->icount_end = (u64)(++w->runs % 16) << 24; /* time passes: code lines cool down */
    cpu->budget = 0;
    set_segments(w, c, &seed);
    set_control(w, c, &seed);
    set_registers(w, c, &seed);
    phys_dma_write(w->phys, w->stream_at, s->code, STREAM_BYTES);
    cpu_update_mode(cpu);
    mark_tlb(w);
    if (w->runs % 512 == 0)
        jit_flush(w->jit);
    for (u32 i = 0; i < ARRAY_LEN(w->code); i++)
        w->code[i] = phys_code_lines(w->phys, i << PAGE_BITS) != 0;
}

u64 world_run(struct world *w)
{
    struct cpu *cpu = w->cpu;
    struct hash h;
    u64 start = cpu_icount(cpu);
    jit_run(w->jit, start + STEPS);
    hash_init(&h);
    machine_hash_cpu(cpu, &h);
    hash_u64(&h, cpu_icount(cpu) - start);
    hash_u64(&h, cpu->events);
    return hash_value(&h);
}

void world_print(const struct world *w, const char *name)
{
    const struct cpu *cpu = w->cpu;
    printf("  %s: eip %" PRIx64 " efl %x events %x icount %llu", name, cpu_eip(cpu),
           cpu_eflags(cpu), cpu->events, (unsigned long long)cpu_icount(cpu) & 0xffffff);
    for (unsigned i = 0; i < 8; i++)
        printf(" %" PRIx64, cpu->gpr[i]);
    for (unsigned i = 0; i < SEG_COUNT; i++)
        printf(" %x:%x", cpu->seg[i].sel, cpu->seg[i].base);
    printf(" cr0 %x cr2 %" PRIx64 " cr3 %" PRIx64 " cr4 %x fsw %x mxcsr %x dr6 %" PRIx64
           " dr7 %" PRIx64 "\n",
           cpu->cr0, cpu->cr2, cpu->cr3, cpu->cr4, cpu->fpu.fsw, cpu->mxcsr, cpu->dr[6],
           cpu->dr[7]);
}

bool world_same_ram(const struct world *a, const struct world *b)
{
    return !memcmp(phys_ram(a->phys), phys_ram(b->phys), RAM_USED);
}
