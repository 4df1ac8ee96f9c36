/* Runs a trial on one of Orrery's back ends, under PAE paging with the host's segments, LDT and
 * pages. */
#include "tests/oracle/oracle.h"

#include "cpu/seg.h"
#include "cpu/x87_ops.h"
#include "tests/oracle/guest_cpu.h"

#include <string.h>

/* Tables at these physical addresses, and the descriptors at that linear one: no trial draws it. */
#define PDPT_AT 0x800000u
#define PD_AT   0x801000u /* four of them */
#define PT_AT   0x805000u /* of the arena */
#define PT2_AT  0x806000u /* of the descriptors */
#define DESC_AT 0x807000u
#define DESC_LA 0x9a3c7000u
#define LDT_OFF 0x800u

static void put64(struct guest *g, u32 pa, u64 v)
{
    memcpy(phys_ram(g->phys) + pa, &v, 8);
}

static void make_pages(struct guest *g)
{
    const u64 p = 1, w = 2, u = 4, nx = 1ull << 63;
    for (unsigned i = 0; i < 4; i++)
        put64(g, PDPT_AT + 8 * i, (PD_AT + i * PAGE_SIZE) | p);
    put64(g, PD_AT + 8 * (ARENA_BASE >> 21), PT_AT | p | w | u);
    put64(g, PD_AT + 8 * (DESC_LA >> 21), PT2_AT | p | w);
    put64(g, PT2_AT + 8 * (DESC_LA >> 12 & 511), DESC_AT | p | w);
    for (unsigned i = 0; i < ARENA_PAGES; i++) {
        const u64 bits[] = {[PAGE_NONE] = 0,
                            [PAGE_CODE] = p | u,
                            [PAGE_RW] = p | w | u | nx,
                            [PAGE_RO] = p | u | nx};
        u32 pa = ARENA_BASE + i * PAGE_SIZE;
        if (bits[arena_map[i]])
            put64(g, PT_AT + 8 * (pa >> 12 & 511), pa | bits[arena_map[i]]);
    }
}

/* As Linux lays them out: kernel code and data, 32-bit user code, user data, 64-bit user code. */
static void make_descriptors(struct guest *g)
{
    static const u64 gdt[] = {0,
                              0x00cf9b000000ffff,
                              0x00af9b000000ffff,
                              0x00cf93000000ffff,
                              0x00cffb000000ffff,
                              0x00cff3000000ffff,
                              0x00affb000000ffff};
    for (unsigned i = 0; i < ARRAY_LEN(gdt); i++)
        put64(g, DESC_AT + 8 * i, gdt[i]);
    u32 limit = host_facts()->cpu; /* what Linux keeps there */
    put64(g, DESC_AT + 8 * 15,
          0x0040f50000000000 | (u64)(limit >> 16 & 15) << 48 | (limit & 0xffff));
    for (unsigned i = 0; i < test_segs_len; i++)
        put64(g, DESC_AT + LDT_OFF + 8 * i, test_seg_desc(&test_segs[i]));
}

static void set_tables(struct cpu *cpu)
{
    cpu->gdtr.base = DESC_LA;
    cpu->gdtr.limit = 127;
    cpu->ldtr = (struct segment){.sel = 0x50,
                                 .attr = SA_P | SYS_LDT,
                                 .base = DESC_LA + LDT_OFF,
                                 .limit = 8 * test_segs_len - 1};
    cpu->tr = (struct segment){.sel = 0x40, .attr = SA_P | SYS_TSS32_BUSY}; /* no I/O map */
    for (unsigned i = 0; i < SEG_COUNT; i++)
        cpu->seg[i].sel = UINT16_MAX; /* none of a trial's: load_segment() loads what changes */
}

struct guest *guest_new(const char *accel, struct decoder *d)
{
    struct guest *g = guest_make(accel, d);
    if (!g)
        return NULL;
    memset(phys_ram(g->phys) + CODE_PAGE, 0xf4, PAGE_SIZE);
    memcpy(guest_data(g), background(), DATA_SIZE);
    make_pages(g);
    make_descriptors(g);
    guest_enter(g, PDPT_AT, EFER_NXE);
    set_tables(g->cpu);
    return g;
}

u8 *guest_data(struct guest *g)
{
    return phys_ram(g->phys) + DATA_BASE;
}

static void load_segment(struct guest *g, enum seg seg, u16 sel)
{
    struct segment *s = &g->cpu->seg[seg];
    struct desc d;
    u32 at = DESC_AT + (sel & 4 ? LDT_OFF : 0) + (sel & ~7u);
    if (s->sel == sel)
        return;
    memcpy(&d, phys_ram(g->phys) + at, sizeof(d));
    if (sel_null(sel))
        seg_null(s, sel);
    else
        seg_from_desc(s, sel, d);
}

static void load(struct guest *g, const struct trial *t)
{
    struct cpu *cpu = g->cpu;
    for (unsigned s = 0; s < SEG_COUNT; s++)
        load_segment(g, (enum seg)s, t->in.seg[s]);
    x87_fxrstor(&cpu->fpu, t->in.fx, false);
    memcpy(&cpu->mxcsr, t->in.fx + 24, 4);
    memcpy(cpu->xmm, t->in.fx + 160, 8 * sizeof(cpu->xmm[0]));
    for (unsigned r = 0; r < GPR_COUNT; r++)
        cpu->gpr[r] = t->in.gpr[r];
    cpu->eip = t->in.eip;
    cpu->cr2 = 0;
    cpu_set_eflags(cpu, 0x202 | t->in.eflags);
    cpu->events = 0;
    cpu_update_mode(cpu);
}

/* INT3, INT 3, INTO, INT1 and the trap flag met the missing IDT; on the host they trapped. A trap's
 * EIP is that of the next instruction. */
static void undo_missing_idt(const struct trial *t, struct trial_state *out)
{
    static const struct {
        u32 error, vector;
    } traps[] = {{3 * 8 + 2, 3}, {4 * 8 + 2, 4}, {1 * 8 + 2 + 1, 1}};
    for (unsigned i = 0; i < ARRAY_LEN(traps); i++) {
        if (out->vector != VEC_GP || out->error != traps[i].error)
            continue;
        out->vector = traps[i].vector;
        out->error = 0;
        for (unsigned k = 0; k < t->ninsns; k++) {
            const char *name = insn_row_of(&t->insn[k])->name;
            if (t->decodes[k] && !strncmp(name, "int", 3) && out->eip == t->in.eip + t->start[k]) {
                out->eip += t->insn[k].len;
                break;
            }
        }
    }
}

static void save(struct guest *g, const struct trial *t, const struct fault_record *first,
                 struct trial_state *out)
{
    struct cpu *cpu = g->cpu;
    for (unsigned r = 0; r < GPR_COUNT; r++)
        out->gpr[r] = (u32)cpu->gpr[r];
    x87_fxsave(&cpu->fpu, out->fx, false);
    memcpy(out->fx + 24, &cpu->mxcsr, 4);
    memcpy(out->fx + 160, cpu->xmm, 8 * sizeof(cpu->xmm[0]));
    for (unsigned s = 0; s < SEG_COUNT; s++)
        out->seg[s] = cpu->seg[s].sel;
    out->eflags = cpu_eflags(cpu);
    out->eip = first->eip;
    out->vector = first->vector;
    out->error = first->has_error ? first->error : 0;
    out->cr2 = first->vector == VEC_PF ? first->cr2 : 0;
    undo_missing_idt(t, out);
}

void guest_run(struct guest *g, const struct trial *t, struct trial_state *out)
{
    unsigned len = trial_len(t), off = trial_code_at(t) - CODE_PAGE;
    if (off + len > PAGE_SIZE)
        len = PAGE_SIZE - off;
    trial_fill(t, guest_data(g));
    guest_put(g, CODE_PAGE + off, t->code, len);
    load(g, t);
    const struct fault_record first = guest_go(g);
    save(g, t, &first, out);
    guest_clear(g, CODE_PAGE + off, len);
}
