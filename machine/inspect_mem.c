/* The guest's memory and page tables for people: translation without side effects, memory by linear
 * address, disassembly, and the lists "info tlb" and "info mem" in QEMU's form. */
#include "cpu/cpuid.h"
#include "cpu/decode.h"
#include "machine/linux_boot.h"
#include "machine/machine.h"
#include "machine/symbols.h"

#include <string.h>

#define PAE_ADDR 0x000ffffffffff000ull

uint64_t orrery_linear(const struct orrery *o, uint64_t linear)
{
    return cpu_is_ia32e(o->cpu) ? linear : (u32)linear;
}

static bool translate(struct orrery *o, laddr linear, struct mmu_walk *w)
{
    /* as a supervisor who may look at users' pages */
    return mmu_probe(&o->cpu->mmu, linear, ACCESS_READ, PRIV_SUPER_AC, w) != MMU_FAULT;
}

bool orrery_translate(struct orrery *o, uint64_t linear, uint64_t *phys)
{
    struct mmu_walk w;
    bool there = translate(o, orrery_linear(o, linear), &w);

    if (there)
        *phys = w.pa;
    return there;
}

void orrery_peek_phys(struct orrery *o, uint64_t addr, void *buf, size_t len)
{
    u8 *out = buf;

    for (size_t i = 0; i < len; i++)
        out[i] = phys_peek(o->phys, addr + i);
}

bool orrery_read_linear(struct orrery *o, uint64_t linear, void *buf, size_t len)
{
    u8 *out = buf;

    for (size_t done = 0; done < len;) {
        laddr at = orrery_linear(o, linear + done);
        size_t n = PAGE_SIZE - (at & PAGE_MASK);
        struct mmu_walk w;

        if (!translate(o, at, &w))
            return false;
        n = n < len - done ? n : len - done;
        if (w.host)
            memcpy(out + done, w.host, n);
        else
            orrery_peek_phys(o, w.pa, out + done, n);
        done += n;
    }
    return true;
}

/* One part of a write, within a page; dry: can it be done? */
static bool write_part(struct orrery *o, laddr linear, const void *buf, size_t len, bool dry)
{
    struct mmu_walk w;

    return translate(o, linear, &w) && phys_host(o->phys, w.pa, true) &&
           (dry || orrery_write_phys(o, w.pa, buf, len));
}

static bool write_parts(struct orrery *o, laddr linear, const u8 *buf, size_t len, bool dry)
{
    for (size_t done = 0, n; done < len; done += n) {
        laddr at = orrery_linear(o, linear + done);

        n = PAGE_SIZE - (at & PAGE_MASK);
        n = n < len - done ? n : len - done;
        if (!write_part(o, at, buf + done, n, dry))
            return false;
    }
    return true;
}

bool orrery_write_linear(struct orrery *o, uint64_t linear, const void *buf, size_t len)
{
    return write_parts(o, linear, buf, len, true) && write_parts(o, linear, buf, len, false);
}

unsigned orrery_disassemble(struct orrery *o, const uint8_t *bytes, size_t avail, uint64_t at,
                            char *text, size_t size)
{
    unsigned n = decode_text(o->cpu->decoder, bytes, avail < 15 ? (unsigned)avail : 15,
                             mode_code_size(o->cpu->mode), at, text, size);

    if (n)
        return n;
    snprintf(text, size, ".byte 0x%02x", bytes[0]);
    return 1;
}

bool orrery_paging(const struct orrery *o)
{
    return o->cpu->cr0 & CR0_PG;
}

unsigned orrery_code_bits(const struct orrery *o)
{
    return cpu_is_code64(o->cpu) ? 64 : o->cpu->seg[SEG_CS].attr & SA_DB ? 32 : 16;
}

bool orrery_is_long(const struct orrery *o)
{
    return cpu_is_ia32e(o->cpu);
}

bool orrery_debugs_64(const struct orrery *o)
{
    if (cpu_is_ia32e(o->cpu))
        return true;
    return cpu_has(o->cpu, FEAT_LM) &&
           ((o->symbols && symbols_wide(o->symbols)) || (o->kernel && linux_is_64(o->kernel)));
}

uint64_t orrery_ram_bytes(const struct orrery *o)
{
    return phys_ram_size(o->phys);
}

/* ---- lists ---- */

static void print_page(void *opaque, const struct mmu_page *p)
{
    static const struct {
        u64 bit;
        char letter;
    } bits[] = {{1ull << 63, 'X'}, {1 << 8, 'G'}, {1 << 7, 'P'}, {1 << 6, 'D'}, {1 << 5, 'A'},
                {1 << 4, 'C'},     {1 << 3, 'T'}, {1 << 2, 'U'}, {1 << 1, 'W'}};
    FILE *out = opaque;

    fprintf(out, "%016llx: %016llx ", (unsigned long long)p->la,
            (unsigned long long)(p->entry & PAE_ADDR & ~(u64)(p->size - 1)));
    for (unsigned i = 0; i < ARRAY_LEN(bits); i++)
        fputc(p->entry & bits[i].bit ? bits[i].letter : '-', out);
    fputc('\n', out);
}

void orrery_print_tlb(struct orrery *o, FILE *out)
{
    if (orrery_paging(o))
        mmu_list(&o->cpu->mmu, print_page, out);
    else
        fputs("PG disabled\n", out);
}

/* A run of pages with the same rights. */
struct run {
    FILE *out;
    u64 start, end; /* start == end: none */
    bool user, writable;
};

static void print_run(const struct run *r)
{
    if (r->start != r->end)
        fprintf(r->out, "%016llx-%016llx %016llx %cr%c\n", (unsigned long long)r->start,
                (unsigned long long)r->end, (unsigned long long)(r->end - r->start),
                r->user ? 'u' : '-', r->writable ? 'w' : '-');
}

static void add_to_run(void *opaque, const struct mmu_page *p)
{
    struct run *r = opaque;

    if (r->end != p->la || r->user != p->user || r->writable != p->writable) {
        print_run(r);
        r->start = p->la;
    }
    r->end = (u64)p->la + p->size;
    r->user = p->user;
    r->writable = p->writable;
}

void orrery_print_mem(struct orrery *o, FILE *out)
{
    struct run r = {.out = out};

    if (!orrery_paging(o)) {
        fputs("PG disabled\n", out);
        return;
    }
    mmu_list(&o->cpu->mmu, add_to_run, &r);
    print_run(&r);
}
