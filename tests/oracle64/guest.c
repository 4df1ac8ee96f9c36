/* Runs a trial on one of Orrery's back ends: a CPU in user mode of IA-32e mode with the host's
 * pages, but without an IDT, so that the first fault becomes a triple fault whose record tells
 * vector, error code, CR2 and RIP and leaves the state as it was. */
#include "tests/oracle64/oracle64.h"

#include "base/check.h"
#include "cpu/cpuid.h"
#include "cpu/seg.h"
#include "cpu/state.h"
#include "jit/backend.h"
#include "jit/jit.h"

#include <stdlib.h>
#include <string.h>

#define GUEST_RAM (16u << 20)
#define TABLES_AT 0x800000u /* the physical addresses of the arena are its low linear ones */

struct guest {
    struct phys *phys;
    struct cpu *cpu;
    struct jit *jit;
    struct cpu_model model;
    u32 tables; /* end of those made so far */
    unsigned runs;
};

static u32 no_in(void *opaque, u16 port, unsigned size)
{
    (void)opaque;
    (void)port;
    return size == 4 ? ~0u : (1u << (8 * size)) - 1;
}

static void no_out(void *opaque, u16 port, unsigned size, u32 value)
{
    (void)opaque;
    (void)port;
    (void)size;
    (void)value;
}

static int no_intack(void *opaque)
{
    (void)opaque;
    return 0;
}

static u64 *entry(struct guest *g, u32 table, unsigned i)
{
    return (u64 *)(void *)(phys_ram(g->phys) + table) + i;
}

static void map(struct guest *g, u64 la, u32 pa, u64 bits)
{
    u32 table = TABLES_AT;

    for (unsigned shift = 39; shift > 12; shift -= 9) {
        u64 *e = entry(g, table, la >> shift & 511);
        if (!*e) {
            *e = g->tables | 7;
            g->tables += PAGE_SIZE;
        }
        table = (u32)*e & ~PAGE_MASK;
    }
    *entry(g, table, la >> 12 & 511) = pa | bits;
}

static void make_pages(struct guest *g)
{
    const u64 p = 1, w = 2, u = 4, nx = 1ull << 63;
    const u64 bits[ARENA_PAGES] = {p | u, 0, p | w | u | nx, p | w | u | nx, p | u | nx};

    g->tables = TABLES_AT + PAGE_SIZE;
    for (unsigned i = 0; i < ARENA_PAGES; i++) {
        u32 pa = ARENA_LOW + i * PAGE_SIZE;
        if (bits[i]) {
            map(g, pa, pa, bits[i]);
            map(g, ARENA_HIGH + i * PAGE_SIZE, pa, bits[i]);
        }
    }
}

static void set_mode(struct cpu *cpu)
{
    cpu->cr0 |= CR0_PE | CR0_NE | CR0_PG | CR0_WP | CR0_AM;
    cpu->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_PAE;
    cpu->cr3 = TABLES_AT;
    cpu->msr.efer = EFER_NXE | EFER_LME | EFER_LMA | EFER_SCE;
    cpu->mmu.cr0 = cpu->cr0;
    cpu->mmu.cr3 = cpu->cr3;
    cpu->mmu.cr4 = cpu->cr4;
    cpu->mmu.nxe = true;
    cpu->mmu.lma = true;
    mmu_flush(&cpu->mmu);
    cpu->idtr.base = 0;
    cpu->idtr.limit = 0;
    cpu->cpl = 3;
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        const struct desc code = {0x0000ffff, 0x00affb00}, data = {0x0000ffff, 0x00cff300};
        seg_from_desc(&cpu->seg[i], i == SEG_CS ? 0x33 : 0x2b, i == SEG_CS ? code : data);
    }
}

struct guest *guest_new(const char *accel, struct decoder *d)
{
    const struct cpu_pins pins = {.in = no_in, .out = no_out, .intack = no_intack};
    const struct jit_config config = {.backend = backend_find(accel), .cache_bytes = 8u << 20};
    const char *why = "";
    struct guest *g = calloc(1, sizeof(*g));

    if (!config.backend)
        return NULL;
    CHECK(g, "out of memory");
    g->phys = phys_new(GUEST_RAM);
    g->cpu = cpu_new(g->phys, &pins);
    g->model = *cpu_model_default();
    g->model.isa = ISA_GENERATIONS - 1;
    g->model.features = ~0ull;
    cpu_set_model(g->cpu, &g->model);
    g->cpu->decoder = d;
    g->jit = jit_new(g->cpu, &config, &why);
    CHECK(g->jit, "%s", why);
    cpu_reset(g->cpu);
    memset(phys_ram(g->phys) + ARENA_LOW, 0xf4, PAGE_SIZE);
    memcpy(phys_ram(g->phys) + ARENA_LOW + DATA_PAGE * PAGE_SIZE, background(),
           DATA_SIZE + PAGE_SIZE);
    make_pages(g);
    set_mode(g->cpu);
    return g;
}

void guest_free(struct guest *g)
{
    jit_free(g->jit);
    cpu_free(g->cpu);
    phys_free(g->phys);
    free(g);
}

const u8 *guest_data(struct guest *g)
{
    return phys_ram(g->phys) + ARENA_LOW + DATA_PAGE * PAGE_SIZE;
}

static void set_base(struct segment *s, u64 base)
{
    s->base = (u32)base;
    s->base_high = (u32)(base >> 32);
}

static void load(struct guest *g, const struct trial *t)
{
    struct cpu *cpu = g->cpu;

    set_base(&cpu->seg[SEG_FS], t->fs);
    set_base(&cpu->seg[SEG_GS], t->gs);
    memcpy(cpu->gpr, t->in.gpr, sizeof(cpu->gpr));
    memcpy(cpu->xmm, t->in.xmm, sizeof(cpu->xmm));
    cpu->mxcsr = t->in.mxcsr;
    cpu->eip = t->in.rip;
    cpu->cr2 = 0;
    cpu_set_eflags(cpu, (u32)t->in.rflags);
    cpu->events = 0;
    cpu_update_mode(cpu);
}

void guest_run(struct guest *g, const struct trial *t, struct state *out)
{
    struct cpu *cpu = g->cpu;
    u32 at = ARENA_LOW + ((u32)t->in.rip & PAGE_MASK), before = cpu->history_next;
    u8 hlt[MAX_CODE];

    if (++g->runs % 8 == 0) /* time passes, so that code lines cool down and are translated */
        cpu->icount_end += 1u << 24;
    if (g->runs % 256 == 0) /* the blocks of all HLTs that trials have ended at */
        jit_flush(g->jit);
    trial_fill(t, phys_ram(g->phys) + ARENA_LOW + DATA_PAGE * PAGE_SIZE);
    phys_dma_write(g->phys, at, t->code, t->len);
    load(g, t);
    jit_run(g->jit, cpu_icount(cpu) + 1000000);
    const struct fault_record endless = {.eip = cpu->eip, .vector = NO_FAULT};
    const struct fault_record *first =
        cpu->events & EV_TRIPLE ? &cpu->history[before % ARRAY_LEN(cpu->history)] : &endless;
    *out = (struct state){.rip = first->eip,
                          .rflags = cpu_eflags(cpu),
                          .vector = first->vector,
                          .error = first->has_error ? first->error : 0,
                          .cr2 = first->vector == VEC_PF ? first->cr2 : 0,
                          .mxcsr = cpu->mxcsr};
    memcpy(out->gpr, cpu->gpr, sizeof(out->gpr));
    memcpy(out->xmm, cpu->xmm, sizeof(out->xmm));
    memset(hlt, 0xf4, sizeof(hlt));
    phys_dma_write(g->phys, at, hlt, t->len);
}
