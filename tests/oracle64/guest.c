/* Runs a trial on one of Orrery's back ends, in IA-32e mode with the host's pages. */
#include "tests/oracle64/oracle64.h"

#include "cpu/seg.h"

#include <string.h>

#define TABLES_AT 0x800000u /* the physical addresses of the arena are its low linear ones */

static u64 *entry(struct guest *g, u32 table, unsigned i)
{
    return (u64 *)(void *)(phys_ram(g->phys) + table) + i;
}

/* *end: of the tables made so far */
static void map(struct guest *g, u32 *end, u64 la, u32 pa, u64 bits)
{
    u32 table = TABLES_AT;

    for (unsigned shift = 39; shift > 12; shift -= 9) {
        u64 *e = entry(g, table, la >> shift & 511);
        if (!*e) {
            *e = *end | 7;
            *end += PAGE_SIZE;
        }
        table = (u32)*e & ~PAGE_MASK;
    }
    *entry(g, table, la >> 12 & 511) = pa | bits;
}

static void make_pages(struct guest *g)
{
    const u64 p = 1, w = 2, u = 4, nx = 1ull << 63;
    const u64 bits[ARENA_PAGES] = {p | u, 0, p | w | u | nx, p | w | u | nx, p | u | nx};
    u32 end = TABLES_AT + PAGE_SIZE;

    for (unsigned i = 0; i < ARENA_PAGES; i++) {
        u32 pa = ARENA_LOW + i * PAGE_SIZE;
        if (bits[i]) {
            map(g, &end, pa, pa, bits[i]);
            map(g, &end, ARENA_HIGH + i * PAGE_SIZE, pa, bits[i]);
        }
    }
}

struct guest *guest_new(const char *accel, struct decoder *d)
{
    const struct desc code = {0x0000ffff, 0x00affb00}, data = {0x0000ffff, 0x00cff300};
    struct guest *g = guest_make(accel, d);

    if (!g)
        return NULL;
    memset(phys_ram(g->phys) + ARENA_LOW, 0xf4, PAGE_SIZE);
    memcpy(phys_ram(g->phys) + ARENA_LOW + DATA_PAGE * PAGE_SIZE, background(),
           DATA_SIZE + PAGE_SIZE);
    make_pages(g);
    guest_enter(g, TABLES_AT, EFER_NXE | EFER_LME | EFER_LMA | EFER_SCE);
    for (unsigned i = 0; i < SEG_COUNT; i++)
        seg_from_desc(&g->cpu->seg[i], i == SEG_CS ? 0x33 : 0x2b, i == SEG_CS ? code : data);
    return g;
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
    u32 at = ARENA_LOW + ((u32)t->in.rip & PAGE_MASK);

    trial_fill(t, phys_ram(g->phys) + ARENA_LOW + DATA_PAGE * PAGE_SIZE);
    guest_put(g, at, t->code, t->len);
    load(g, t);
    const struct fault_record first = guest_go(g);
    *out = (struct state){.rip = first.eip,
                          .rflags = cpu_eflags(cpu),
                          .vector = first.vector,
                          .error = first.has_error ? first.error : 0,
                          .cr2 = first.vector == VEC_PF ? first.cr2 : 0,
                          .mxcsr = cpu->mxcsr};
    memcpy(out->gpr, cpu->gpr, sizeof(out->gpr));
    memcpy(out->xmm, cpu->xmm, sizeof(out->xmm));
    guest_clear(g, at, t->len);
}
