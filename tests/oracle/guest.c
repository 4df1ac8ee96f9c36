/* Runs a trial on one of Orrery's back ends: a CPU in flat 32-bit user mode without an IDT, so that
 * the first fault becomes a triple fault whose record tells vector, error code and EIP and leaves
 * the state as it was. */
#include "tests/oracle/oracle.h"

#include "base/check.h"
#include "cpu/cpuid.h"
#include "cpu/decode.h"
#include "cpu/seg.h"
#include "cpu/state.h"
#include "cpu/x87_ops.h"
#include "jit/backend.h"
#include "jit/jit.h"

#include <stdlib.h>
#include <string.h>

#define GUEST_RAM (16u << 20)

struct guest {
    struct phys *phys;
    struct cpu *cpu;
    struct jit *jit;
    struct cpu_model model;
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

struct guest *guest_new(const char *accel)
{
    const struct cpu_pins pins = {.in = no_in, .out = no_out, .intack = no_intack};
    const struct jit_config config = {.backend = backend_find(accel), .cache_bytes = 8u << 20};
    const char *why = "";
    if (!config.backend)
        return NULL;
    struct guest *g = calloc(1, sizeof(*g));
    CHECK(g, "out of memory");
    g->phys = phys_new(GUEST_RAM);
    g->cpu = cpu_new(g->phys, &pins);
    g->model = *cpu_model_default(); /* every form there is; gen.c asks what the host has */
    g->model.features = ~0ull;
    cpu_set_model(g->cpu, &g->model);
    g->cpu->decoder = decoder_new();
    g->jit = jit_new(g->cpu, &config, &why);
    CHECK(g->jit, "%s", why);
    cpu_reset(g->cpu);
    memset(phys_ram(g->phys) + CODE_PAGE, 0xf4, PAGE_SIZE);
    return g;
}

void guest_free(struct guest *g)
{
    jit_free(g->jit);
    decoder_free(g->cpu->decoder);
    cpu_free(g->cpu);
    phys_free(g->phys);
    free(g);
}

static void set_user_flat(struct cpu *cpu)
{
    for (unsigned s = 0; s < SEG_COUNT; s++) {
        struct segment *seg = &cpu->seg[s];
        seg->sel = s == SEG_CS ? 0x23 : 0x2b;
        seg->base = 0;
        seg->limit = UINT32_MAX;
        seg->attr = (u16)(SA_P | SA_S | SA_DPL | SA_DB | SA_G | SA_RW | SA_ACCESSED |
                          (s == SEG_CS ? SA_CODE : 0));
        seg_update_cache(seg);
    }
    cpu->cr0 |= CR0_PE | CR0_NE;
    cpu->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
    cpu->mmu.cr0 = cpu->cr0;
    cpu->cpl = 3;
    cpu->idtr.base = 0;
    cpu->idtr.limit = 0;
}

static void load_fx(struct cpu *cpu, const u8 *fx)
{
    x87_fxrstor(&cpu->fpu, fx);
    memcpy(&cpu->mxcsr, fx + 24, 4);
    memcpy(cpu->xmm, fx + 160, sizeof(cpu->xmm));
}

static void save_fx(const struct cpu *cpu, u8 *fx)
{
    x87_fxsave(&cpu->fpu, fx);
    memcpy(fx + 24, &cpu->mxcsr, 4);
    memcpy(fx + 160, cpu->xmm, sizeof(cpu->xmm));
}

void guest_run(struct guest *g, const struct trial *t, struct trial_state *out)
{
    struct cpu *cpu = g->cpu;
    phys_dma_write(g->phys, DATA_BASE, t->in.data, DATA_SIZE);
    phys_dma_write(g->phys, CODE_AT, t->bytes, t->len);
    set_user_flat(cpu);
    load_fx(cpu, t->in.fx);
    memcpy(cpu->gpr, t->in.gpr, sizeof(cpu->gpr));
    cpu->eip = CODE_AT;
    cpu_set_eflags(cpu, 0x202 | t->in.eflags);
    cpu->events = 0;
    cpu_update_mode(cpu);
    u32 before = cpu->history_next;
    jit_run(g->jit, cpu_icount(cpu) + 1000000);
    CHECK(cpu->events & EV_TRIPLE, "the trial did not end");
    const struct fault_record *first = &cpu->history[before % ARRAY_LEN(cpu->history)];
    memcpy(out->gpr, cpu->gpr, sizeof(out->gpr));
    save_fx(cpu, out->fx);
    out->eflags = cpu_eflags(cpu);
    out->eip = first->eip;
    out->vector = first->vector;
    out->error = first->has_error ? first->error : 0;
    if (out->vector == VEC_GP && (out->error == 3 * 8 + 2 || out->error == 4 * 8 + 2)) {
        /* INT3 and INTO met the missing IDT: on the host they trapped */
        out->vector = out->error >> 3;
        out->error = 0;
        out->eip = CODE_AT + t->len;
    }
    memcpy(out->data, phys_ram(g->phys) + DATA_BASE, DATA_SIZE);
    u8 hlt[16];
    memset(hlt, 0xf4, sizeof(hlt));
    phys_dma_write(g->phys, CODE_AT, hlt, sizeof(hlt));
}
