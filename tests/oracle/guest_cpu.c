/* The CPU that trials run on, of 32-bit and of 64-bit code. */
#include "tests/oracle/guest_cpu.h"

#include "base/check.h"
#include "jit/backend.h"
#include "jit/jit.h"

#include <stdlib.h>
#include <string.h>

#define GUEST_RAM (16u << 20)

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

struct guest *guest_make(const char *accel, struct decoder *d)
{
    const struct cpu_pins pins = {.in = no_in, .out = no_out, .intack = no_intack};
    const struct jit_config config = {.backend = backend_find(accel), .cache_bytes = 8u << 20};
    const char *why = "";
    struct guest *g;

    if (!config.backend)
        return NULL;
    g = calloc(1, sizeof(*g));
    CHECK(g, "out of memory");
    g->phys = phys_new(GUEST_RAM);
    g->cpu = cpu_new(g->phys, &pins);
    g->model = *cpu_model_default(); /* every form there is; the generator asks what the host has */
    g->model.isa = ISA_GENERATIONS - 1;
    g->model.features = ~0ull;
    cpu_set_model(g->cpu, &g->model);
    g->cpu->decoder = d;
    g->jit = jit_new(g->cpu, &config, &why);
    CHECK(g->jit, "%s", why);
    cpu_reset(g->cpu);
    return g;
}

void guest_free(struct guest *g)
{
    jit_free(g->jit);
    cpu_free(g->cpu);
    phys_free(g->phys);
    free(g);
}

void guest_enter(struct guest *g, u32 cr3, u64 efer)
{
    struct cpu *cpu = g->cpu;

    cpu->cr0 |= CR0_PE | CR0_NE | CR0_PG | CR0_WP | CR0_AM;
    cpu->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_PAE;
    cpu->cr3 = cr3;
    cpu->msr.efer = efer;
    cpu->mmu.cr0 = cpu->cr0;
    cpu->mmu.cr3 = cpu->cr3;
    cpu->mmu.cr4 = cpu->cr4;
    cpu->mmu.nxe = efer & EFER_NXE;
    cpu->mmu.lma = efer & EFER_LMA;
    if (!cpu->mmu.lma)
        CHECK(mmu_load_pdptes(&cpu->mmu), "page directory pointers");
    mmu_flush(&cpu->mmu);
    cpu->idtr.base = 0;
    cpu->idtr.limit = 0;
    cpu->cpl = 3;
}

void guest_put(struct guest *g, u32 at, const u8 *code, unsigned len)
{
    if (++g->runs % 8 == 0) /* time passes, so that code lines cool down and are translated */
        g->cpu->icount_end += 1u << 24;
    if (g->runs % 256 == 0) /* the blocks of all HLTs that trials have ended at */
        jit_flush(g->jit);
    phys_dma_write(g->phys, at, code, len);
}

struct fault_record guest_go(struct guest *g)
{
    struct cpu *cpu = g->cpu;
    u32 before = cpu->history_next;

    jit_run(g->jit, cpu_icount(cpu) + 1000000);
    if (cpu->events & EV_TRIPLE)
        return cpu->history[before % ARRAY_LEN(cpu->history)];
    return (struct fault_record){.eip = cpu->eip, .vector = NO_FAULT};
}

void guest_clear(struct guest *g, u32 at, unsigned len)
{
    u8 hlt[PAGE_SIZE];

    memset(hlt, 0xf4, len);
    phys_dma_write(g->phys, at, hlt, len);
}
