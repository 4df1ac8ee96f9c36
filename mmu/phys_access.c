/* Accesses to the physical address space: memory, devices' registers, cut to what a device takes,
 * and DMA; and whoever witnesses them. */
#include "mmu/phys_int.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

/* One device access of a wider one: `size` bytes at addr, of which the first `used` from `skip`
 * on count. */
struct piece {
    u64 addr;
    unsigned size, skip, used;
};

/* The next access for the bytes [addr, addr + left): the largest the device takes that is
 * naturally aligned; when even its smallest is larger than what is left, the aligned one that
 * contains addr. */
static struct piece next_piece(const struct mmio_ops *ops, u64 addr, unsigned left)
{
    struct piece c = {.addr = addr, .size = left, .used = left};

    /* Mostly it is one access as it stands. */
    if (left >= ops->min_size && left <= ops->max_size && !(left & (left - 1)) &&
        !(addr & (left - 1)))
        return c;
    c.size = ops->max_size;
    while (c.size > ops->min_size && (c.size > left || (addr & (c.size - 1))))
        c.size >>= 1;
    c.skip = (unsigned)(addr & (c.size - 1));
    c.addr = addr - c.skip;
    c.used = c.size - c.skip < left ? c.size - c.skip : left;
    return c;
}

static u64 low_bytes(unsigned n)
{
    return n >= 8 ? ~0ull : (1ull << (8 * n)) - 1;
}

static u64 mmio_read(const struct region *r, u64 addr, unsigned size)
{
    const struct mmio_ops *ops = r->ops; /* the handler may remove its own region */
    void *opaque = r->opaque;
    u64 value = 0;

    for (unsigned done = 0; done < size;) {
        struct piece c = next_piece(ops, addr + done, size - done);
        u64 v = ops->read(opaque, c.addr, c.size) >> (8 * c.skip);

        value |= (v & low_bytes(c.used)) << (8 * done);
        done += c.used;
    }
    return value;
}

static void mmio_write(const struct region *r, u64 addr, unsigned size, u64 value)
{
    const struct mmio_ops *ops = r->ops;
    void *opaque = r->opaque;

    for (unsigned done = 0; done < size;) {
        struct piece c = next_piece(ops, addr + done, size - done);
        u64 v = (value >> (8 * done)) & low_bytes(c.used);

        if (c.used < c.size) {
            u64 old = ops->read(opaque, c.addr, c.size) & low_bytes(c.size);
            v = (old & ~(low_bytes(c.used) << (8 * c.skip))) | v << (8 * c.skip);
        }
        ops->write(opaque, c.addr, c.size, v);
        done += c.used;
    }
}

u64 region_read(const struct region *r, u64 offset, unsigned size)
{
    if (r->mem)
        return load_le(r->mem + offset, size);
    return r->ops ? mmio_read(r, offset, size) : low_bytes(size);
}

/* Where nothing answers a bus is pulled up. But where memory could be and is not reads give zeros:
 * kernels that take for granted more than there is get as far as they are known to. */
static u64 read_nothing(paddr pa, unsigned size)
{
    return pa >= HOLE_END && pa < MAX_RAM ? 0 : low_bytes(size);
}

u64 phys_read(struct phys *p, paddr pa, unsigned size)
{
    const struct region *r = region_at(p, pa);

    if (__builtin_expect(r->mem != NULL, 1))
        return load_le(r->mem + (pa - r->base), size);
    return r->ops ? mmio_read(r, pa - r->base, size) : read_nothing(pa, size);
}

u8 phys_peek(struct phys *p, paddr pa)
{
    const struct region *r = region_at(p, pa);

    if (r->mem)
        return r->mem[pa - r->base];
    if (!r->ops)
        return (u8)read_nothing(pa, 1);
    return r->ops->peek ? r->ops->peek(r->opaque, pa - r->base) : 0xff;
}

void phys_write(struct phys *p, paddr pa, unsigned size, u64 value)
{
    const struct region *r = region_at(p, pa);

    if (r->writable) {
        if (__builtin_expect(*lines_at(r, pa) != 0, 0))
            phys_code_written(p, pa, size);
        touch(r, pa);
        store_le(r->mem + (pa - r->base), size, value);
    } else if (r->ops) {
        mmio_write(r, pa - r->base, size, value);
    }
}

static void tell(struct phys *p, enum phys_who who, paddr pa, const void *buf, u64 len, bool write)
{
    for (struct phys_witness *w = p->witnesses; w; w = w->next)
        w->access(w->opaque, who, pa, buf, len, write);
}

void phys_add_witness(struct phys *p, struct phys_witness *w)
{
    w->next = p->witnesses;
    p->witnesses = w;
}

void phys_remove_witness(struct phys *p, struct phys_witness *w)
{
    struct phys_witness **at = &p->witnesses;

    while (*at && *at != w)
        at = &(*at)->next;
    if (*at)
        *at = w->next;
}

void phys_write_as(struct phys *p, enum phys_who who, paddr pa, unsigned size, u64 value)
{
    u8 bytes[8];

    if (p->witnesses && region_at(p, pa)->writable) {
        store_le(bytes, size, value);
        tell(p, who, pa, bytes, size, true);
    }
    phys_write(p, pa, size, value);
}

bool phys_dma_read(struct phys *p, paddr pa, void *buf, u64 len)
{
    u8 *out = buf;
    bool all = true;

    while (len) {
        u64 n = to_page_end(pa, len);
        const u8 *host = phys_host(p, pa, false);

        if (host) {
            memcpy(out, host + (pa & PAGE_MASK), n);
            tell(p, PHYS_DMA, pa, out, n, false);
        } else {
            memset(out, 0xff, n);
            all = false;
        }
        pa += n;
        out += n;
        len -= n;
    }
    return all;
}

bool phys_dma_write(struct phys *p, paddr pa, const void *buf, u64 len)
{
    const u8 *in = buf;
    bool all = true;

    while (len) {
        u64 n = to_page_end(pa, len);
        u8 *host = phys_host(p, pa, true);

        if (host) {
            tell(p, PHYS_DMA, pa, in, n, true);
            phys_code_written(p, pa, n);
            phys_touch(p, pa);
            memcpy(host + (pa & PAGE_MASK), in, n);
        } else {
            all = false;
        }
        pa += n;
        in += n;
        len -= n;
    }
    return all;
}
