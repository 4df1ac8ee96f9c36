/* The guest's x87 state into the host's x87 and back. Registers, TOP, tags, status and control word
 * go; the pointers and the opcode stay in struct cpu. Coming home leaves the host's x87 as FNINIT
 * does, which is what C code expects of it. Images: SDM vol. 1, figure 8-9.
 *
 * Exceptions may be unmasked in it, and pending: FNSAVE does not wait, and neither does anything
 * that translated code executes then (lower_x87.c).
 *
 * In between C code runs with the guest's state in place: that of the library is compiled without
 * x87 instructions (meson.build), and cpu_sync_fpu() comes before any other. */
#include "jit/x64/x64.h"

#include "base/bytes.h"
#include "base/check.h"
#include "cpu/help_x87.h"
#include "cpu/helpers.h"

enum { FCW = 0, FSW = 4, TAGS = 8, REGS = 28, IMAGE = REGS + 80 };

void host_x87_load(struct cpu *cpu)
{
    const struct x87 *f = &cpu->fpu;
    u8 image[IMAGE] = {0};
    u32 tags = 0;

    CHECK(!cpu->fpu_host, "the host has the x87 state already");
    for (unsigned i = 0; i < 8; i++) {
        const struct f80 *st = &f->st[(x87_top(f) + i) & 7];
        store_le(image + REGS + 10 * i, 8, st->sig);
        store_le(image + REGS + 10 * i + 8, 2, st->se);
        tags |= (f->empty >> i & 1 ? 3u : 0) << 2 * i; /* of those in use it makes its own */
    }
    store_le(image + FCW, 4, f->fcw);
    store_le(image + FSW, 4, f->fsw);
    store_le(image + TAGS, 4, tags);
    __asm__ volatile("frstor %0" : : "m"(image));
    cpu->fpu_host = 1;
}

void host_x87_save(struct cpu *cpu)
{
    struct x87 *f = &cpu->fpu;
    u8 image[IMAGE];

    CHECK(cpu->fpu_host, "the host does not have the x87 state");
    __asm__ volatile("fnsave %0; fwait" : "=m"(image));
    f->fcw = (u16)load_le(image + FCW, 2);
    f->fsw = (u16)load_le(image + FSW, 2);
    f->empty = 0;
    for (unsigned i = 0; i < 8; i++) {
        struct f80 *st = &f->st[(x87_top(f) + i) & 7];
        st->sig = load_le(image + REGS + 10 * i, 8);
        st->se = (u16)load_le(image + REGS + 10 * i + 8, 2);
        if ((load_le(image + TAGS, 2) >> 2 * i & 3) == 3)
            f->empty |= (u8)(1u << i);
    }
    cpu->fpu_host = 0;
}

void host_x87_slow(struct cpu *cpu, u64 desc, u64 off)
{
    help_x87_mem64(cpu, desc, off);
    host_x87_load(cpu);
}
