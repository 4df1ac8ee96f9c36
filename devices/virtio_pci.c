/* virtio on PCI: VIRTIO 1.1, chapter 4.1. A transitional device shows itself twice: in an I/O bar
 * as drafts before 1.0 had it (4.1.4.8), and in a memory bar as structures that PCI capabilities
 * point at. Both are tables of registers over the same state. Interrupts are INTx.
 *
 * The registers take accesses of any width: a read is put together from the registers that it
 * covers, a write that covers a part of one leaves its other bytes as they are. */
#include "devices/virtio.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "mmu/phys.h"

#define VENDOR        0x1af4
#define MODERN_DEVICE 0x1040 /* plus the type */
#define NO_VECTOR     0xffff

#define LEGACY_BAR    0
#define LEGACY_CONFIG 0x14 /* where the device's own configuration begins */

/* The memory bar: a page for each structure. */
#define MODERN_BAR 4
enum { AT_COMMON, AT_ISR = 0x1000, AT_DEVICE = 0x2000, AT_NOTIFY = 0x3000, MODERN_SIZE = 0x4000 };
#define NOTIFY_MULTIPLIER 4

/* In configuration space. */
enum { CAP_POINTER = 0x34, CAP_COMMON = 0x40, CAP_ISR = 0x50, CAP_DEVICE = 0x60 };
enum { CAP_NOTIFY = 0x70, CAP_PCI_CFG = 0x84, PCI_CFG_DATA = CAP_PCI_CFG + 16 };
enum { SUBSYSTEM_VENDOR = 0x2c, SUBSYSTEM_ID = 0x2e, STATUS_CAPABILITIES = 0x10 };

enum { ISR_QUEUE = 1, ISR_CONFIG = 2 };

static const struct field virtq_fields[] = {
    FIELD(struct virtq, desc),       FIELD(struct virtq, avail),
    FIELD(struct virtq, used),       FIELD(struct virtq, size),
    FIELD(struct virtq, next_avail), FIELD(struct virtq, next_used),
    FIELD(struct virtq, signalled),  FIELD(struct virtq, enabled),
    FIELD(struct virtq, timer),      FIELD_END,
};

const struct field virtio_fields[] = {
    FIELD_SUB(struct virtio, pci, pci_func_fields),
    FIELD(struct virtio, features),
    FIELD(struct virtio, device_select),
    FIELD(struct virtio, driver_select),
    FIELD(struct virtio, queue_select),
    FIELD(struct virtio, status),
    FIELD(struct virtio, isr),
    FIELD(struct virtio, generation),
    FIELD(struct virtio, broken),
    FIELD_ARRAY(struct virtio, config),
    FIELD_SUBS(struct virtio, queue, virtq_fields),
    FIELD_END,
};

/* ---- state ---- */

void virtio_interrupt(struct virtio *v, u8 isr)
{
    v->isr |= isr;
    pci_set_intx(&v->pci, v->isr);
}

void virtio_config_changed(struct virtio *v)
{
    v->generation++;
    if (v->status & VIRTIO_DRIVER_OK)
        virtio_interrupt(v, ISR_CONFIG);
}

void virtio_break(struct virtio *v)
{
    if (v->broken)
        return;
    v->broken = true;
    if (virtio_has(v, VIRTIO_F_VERSION_1)) {
        v->status |= VIRTIO_NEEDS_RESET;
        virtio_config_changed(v);
    }
}

/* What writing 0 to the status does, and a reset of the board. */
static void reset_device(struct virtio *v)
{
    v->features = 0;
    v->device_select = v->driver_select = 0;
    v->queue_select = 0;
    v->status = v->isr = 0;
    v->broken = false;
    for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
        virtq_reset(&v->queue[i]);
    pci_set_intx(&v->pci, false);
    if (v->type->reset)
        v->type->reset(v->opaque);
}

static struct virtq *selected(struct virtio *v)
{
    return v->queue_select < v->type->queues ? &v->queue[v->queue_select] : NULL;
}

static void notify(struct virtio *v, u64 n)
{
    if (n < v->type->queues)
        virtq_kick(&v->queue[n]);
}

/* ---- registers of both interfaces ---- */

static u64 read_zero(struct virtio *v)
{
    (void)v;
    return 0;
}

static u64 read_queue_select(struct virtio *v)
{
    return v->queue_select;
}

static void write_queue_select(struct virtio *v, u64 value)
{
    v->queue_select = (u16)value;
}

static u64 read_queue_size(struct virtio *v)
{
    const struct virtq *q = selected(v);
    return q ? q->size : 0;
}

static u64 read_status(struct virtio *v)
{
    return v->status;
}

/* Features that were not offered, or none of this interface, are not agreed upon. */
static void write_status(struct virtio *v, u64 value)
{
    if (!value) {
        reset_device(v);
        return;
    }
    if (v->features & ~v->offered || !virtio_has(v, VIRTIO_F_VERSION_1))
        value &= ~(u64)VIRTIO_FEATURES_OK;
    v->status = (u8)value | (v->status & VIRTIO_NEEDS_RESET);
}

/* Reading takes the interrupt back. */
static u64 read_isr(struct virtio *v)
{
    u8 isr = v->isr;

    v->isr = 0;
    pci_set_intx(&v->pci, false);
    return isr;
}

/* ---- the legacy interface ---- */

static u64 read_legacy_offered(struct virtio *v)
{
    return v->offered & 0xffffffff;
}

static u64 read_legacy_features(struct virtio *v)
{
    return v->features & 0xffffffff;
}

static void write_legacy_features(struct virtio *v, u64 value)
{
    v->features = value & v->offered & 0xffffffff;
}

static u64 read_page(struct virtio *v)
{
    const struct virtq *q = selected(v);
    return q ? q->desc >> PAGE_BITS : 0;
}

/* The whole ring, of the size that the device says, from this page on; page 0 takes it away. */
static void write_page(struct virtio *v, u64 page)
{
    struct virtq *q = selected(v);

    if (!q)
        return;
    if (!page) {
        virtq_reset(q);
        return;
    }
    q->desc = page << PAGE_BITS;
    q->avail = q->desc + 16u * q->size;
    q->used = (q->avail + 4 + 2u * q->size + 2 + PAGE_MASK) & ~(u64)PAGE_MASK;
    q->enabled = true;
}

static void write_legacy_notify(struct virtio *v, u64 value)
{
    notify(v, value);
}

/* ---- the modern interface: common configuration, 4.1.4.3 ---- */

static u64 half_of(u64 features, u32 select)
{
    return select < 2 ? features >> (32 * select) & 0xffffffff : 0;
}

static u64 read_device_select(struct virtio *v)
{
    return v->device_select;
}

static void write_device_select(struct virtio *v, u64 value)
{
    v->device_select = (u32)value;
}

static u64 read_offered(struct virtio *v)
{
    return half_of(v->offered, v->device_select);
}

static u64 read_driver_select(struct virtio *v)
{
    return v->driver_select;
}

static void write_driver_select(struct virtio *v, u64 value)
{
    v->driver_select = (u32)value;
}

static u64 read_features(struct virtio *v)
{
    return half_of(v->features, v->driver_select);
}

static void write_features(struct virtio *v, u64 value)
{
    unsigned shift = 32 * (v->driver_select & 1);

    if (v->driver_select < 2 && !(v->status & VIRTIO_FEATURES_OK))
        v->features = (v->features & ~(0xffffffffull << shift)) | value << shift;
}

static u64 read_no_vector(struct virtio *v)
{
    (void)v;
    return NO_VECTOR;
}

static u64 read_queues(struct virtio *v)
{
    return v->type->queues;
}

static u64 read_generation(struct virtio *v)
{
    return v->generation;
}

/* The selected queue while the driver may still set it up, or NULL. */
static struct virtq *unused(struct virtio *v)
{
    struct virtq *q = selected(v);
    return q && !q->enabled ? q : NULL;
}

static void write_queue_size(struct virtio *v, u64 value)
{
    struct virtq *q = unused(v);

    if (q && value && value <= v->type->queue_size && !(value & (value - 1)))
        q->size = (u16)value;
}

static u64 read_enabled(struct virtio *v)
{
    const struct virtq *q = selected(v);
    return q && q->enabled;
}

static void write_enabled(struct virtio *v, u64 value)
{
    struct virtq *q = unused(v);

    if (q && value == 1)
        q->enabled = true;
}

static u64 read_notify_offset(struct virtio *v)
{
    return selected(v) ? v->queue_select : 0;
}

#define ADDRESS_REGISTER(part)                                                                     \
    static u64 read_##part##_low(struct virtio *v)                                                 \
    {                                                                                              \
        const struct virtq *q = selected(v);                                                       \
        return q ? q->part & 0xffffffff : 0;                                                       \
    }                                                                                              \
    static u64 read_##part##_high(struct virtio *v)                                                \
    {                                                                                              \
        const struct virtq *q = selected(v);                                                       \
        return q ? q->part >> 32 : 0;                                                              \
    }                                                                                              \
    static void write_##part##_low(struct virtio *v, u64 value)                                    \
    {                                                                                              \
        struct virtq *q = unused(v);                                                               \
        if (q)                                                                                     \
            q->part = (q->part & ~0xffffffffull) | value;                                          \
    }                                                                                              \
    static void write_##part##_high(struct virtio *v, u64 value)                                   \
    {                                                                                              \
        struct virtq *q = unused(v);                                                               \
        if (q)                                                                                     \
            q->part = (q->part & 0xffffffff) | value << 32;                                        \
    }

ADDRESS_REGISTER(desc)
ADDRESS_REGISTER(avail)
ADDRESS_REGISTER(used)

/* ---- tables of registers ---- */

struct reg {
    u8 at, size;
    u64 (*read)(struct virtio *v);
    void (*write)(struct virtio *v, u64 value); /* NULL: read-only */
};

static const struct reg legacy_regs[] = {
    {0x00, 4, read_legacy_offered, NULL},
    {0x04, 4, read_legacy_features, write_legacy_features},
    {0x08, 4, read_page, write_page},
    {0x0c, 2, read_queue_size, NULL},
    {0x0e, 2, read_queue_select, write_queue_select},
    {0x10, 2, read_zero, write_legacy_notify},
    {0x12, 1, read_status, write_status},
    {0x13, 1, read_isr, NULL},
    {0},
};

static const struct reg common_regs[] = {
    {0x00, 4, read_device_select, write_device_select},
    {0x04, 4, read_offered, NULL},
    {0x08, 4, read_driver_select, write_driver_select},
    {0x0c, 4, read_features, write_features},
    {0x10, 2, read_no_vector, NULL},
    {0x12, 2, read_queues, NULL},
    {0x14, 1, read_status, write_status},
    {0x15, 1, read_generation, NULL},
    {0x16, 2, read_queue_select, write_queue_select},
    {0x18, 2, read_queue_size, write_queue_size},
    {0x1a, 2, read_no_vector, NULL},
    {0x1c, 2, read_enabled, write_enabled},
    {0x1e, 2, read_notify_offset, NULL},
    {0x20, 4, read_desc_low, write_desc_low},
    {0x24, 4, read_desc_high, write_desc_high},
    {0x28, 4, read_avail_low, write_avail_low},
    {0x2c, 4, read_avail_high, write_avail_high},
    {0x30, 4, read_used_low, write_used_low},
    {0x34, 4, read_used_high, write_used_high},
    {0},
};

static const struct reg isr_regs[] = {{0, 1, read_isr, NULL}, {0}};

/* Which bytes of [at, at + size) lie in a register: its first of them, and how many. */
static unsigned overlap(const struct reg *r, unsigned at, unsigned size, unsigned *first)
{
    unsigned end = at + size < r->at + r->size ? at + size : r->at + r->size;

    *first = at > r->at ? at : r->at;
    return end > *first ? end - *first : 0;
}

static u64 ones(unsigned bytes)
{
    return (1ull << (8 * bytes)) - 1; /* 1 to 4 */
}

static u32 regs_read(struct virtio *v, const struct reg *r, unsigned at, unsigned size)
{
    u64 value = 0;

    for (; r->size; r++) {
        unsigned first, n = overlap(r, at, size, &first);
        if (n)
            value |= (r->read(v) >> (8 * (first - r->at)) & ones(n)) << (8 * (first - at));
    }
    return (u32)value;
}

static void regs_write(struct virtio *v, const struct reg *r, unsigned at, unsigned size, u32 value)
{
    for (; r->size; r++) {
        unsigned first, n = overlap(r, at, size, &first), shift;
        u64 mask, part;
        if (!n || !r->write)
            continue;
        shift = 8 * (first - r->at);
        mask = ones(n) << shift;
        part = (u64)value >> (8 * (first - at)) << shift & mask;
        r->write(v, n < r->size ? (r->read(v) & ~mask) | part : part);
    }
}

/* The device's own configuration. */
static u32 config_read(const struct virtio *v, u64 at, unsigned size)
{
    u32 value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (at + i < v->type->config_size ? (u32)v->config[at + i] : 0u) << (8 * i);
    return value;
}

static void config_write(struct virtio *v, u64 at, unsigned size, u32 value)
{
    bool any = false;

    for (unsigned i = 0; i < size && at + i < v->type->config_size; i++) {
        u8 mask = v->config_wmask[at + i], *byte = &v->config[at + i];
        *byte = (u8)((*byte & ~mask) | (value >> (8 * i) & mask));
        any = any || mask;
    }
    if (any && v->type->configured)
        v->type->configured(v->opaque, (unsigned)at, size);
}

/* ---- the bars ---- */

static u32 legacy_read(void *opaque, u16 port, unsigned size)
{
    struct virtio *v = opaque;
    unsigned at = port - v->pci.bar[LEGACY_BAR].at;

    if (at >= LEGACY_CONFIG)
        return config_read(v, at - LEGACY_CONFIG, size);
    return regs_read(v, legacy_regs, at, size);
}

static void legacy_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct virtio *v = opaque;
    unsigned at = port - v->pci.bar[LEGACY_BAR].at;

    if (at >= LEGACY_CONFIG)
        config_write(v, at - LEGACY_CONFIG, size, value);
    else
        regs_write(v, legacy_regs, at, size, value);
}

static u64 modern_read(void *opaque, u64 addr, unsigned size)
{
    struct virtio *v = opaque;
    unsigned at = (unsigned)addr & PAGE_MASK;

    switch (addr & ~(u64)PAGE_MASK) {
    case AT_COMMON: return regs_read(v, common_regs, at, size);
    case AT_ISR: return regs_read(v, isr_regs, at, size);
    case AT_DEVICE: return config_read(v, at, size);
    }
    return 0;
}

static void modern_write(void *opaque, u64 addr, unsigned size, u64 value)
{
    struct virtio *v = opaque;
    unsigned at = (unsigned)addr & PAGE_MASK;

    switch (addr & ~(u64)PAGE_MASK) {
    case AT_COMMON: regs_write(v, common_regs, at, size, (u32)value); break;
    case AT_DEVICE: config_write(v, at, size, (u32)value); break;
    case AT_NOTIFY: notify(v, at / NOTIFY_MULTIPLIER); break;
    }
}

/* ---- configuration space ---- */

/* The window into the memory bar, 4.1.4.7: for firmware that cannot map it. False while what it was
 * set to makes no sense. */
static bool window(const struct virtio *v, u32 *offset, u32 *length)
{
    const u8 *cap = &v->pci.config[CAP_PCI_CFG];

    *offset = (u32)load_le(cap + 8, 4);
    *length = (u32)load_le(cap + 12, 4);
    return !v->disable_modern && cap[4] == MODERN_BAR &&
           (*length == 1 || *length == 2 || *length == 4) && !(*offset & (*length - 1)) &&
           *offset < MODERN_SIZE;
}

static bool in_window_data(unsigned first, unsigned size)
{
    return first + size > PCI_CFG_DATA && first < PCI_CFG_DATA + 4;
}

static void on_config_read(struct pci_func *f, unsigned first, unsigned size)
{
    struct virtio *v = (struct virtio *)((u8 *)f - offsetof(struct virtio, pci));
    u32 offset, length;

    if (in_window_data(first, size) && window(v, &offset, &length))
        store_le(&f->config[PCI_CFG_DATA], length, modern_read(v, offset, length));
}

static void on_config_write(struct pci_func *f, unsigned first, unsigned size)
{
    struct virtio *v = (struct virtio *)((u8 *)f - offsetof(struct virtio, pci));
    u32 offset, length;

    if (in_window_data(first, size) && window(v, &offset, &length))
        modern_write(v, offset, length, load_le(&f->config[PCI_CFG_DATA], length));
}

static void add_capabilities(struct pci_func *f, const struct virtio_type *type)
{
    static const struct cap {
        u8 at, next, len, type;
        u32 offset;
    } caps[] = {
        {CAP_COMMON, CAP_ISR, 16, 1, AT_COMMON},
        {CAP_NOTIFY, CAP_PCI_CFG, 20, 2, AT_NOTIFY},
        {CAP_ISR, CAP_DEVICE, 16, 3, AT_ISR},
        {CAP_DEVICE, CAP_NOTIFY, 16, 4, AT_DEVICE},
        {CAP_PCI_CFG, 0, 20, 5, 0},
    };
    const u32 size[] = {0, 0x38, NOTIFY_MULTIPLIER * type->queues, 1, type->config_size, 0};

    f->config[PCI_STATUS] |= STATUS_CAPABILITIES;
    f->config[CAP_POINTER] = CAP_COMMON;
    for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
        u8 *cap = &f->config[caps[i].at];
        cap[0] = 0x09; /* vendor specific */
        cap[1] = caps[i].next;
        cap[2] = caps[i].len;
        cap[3] = caps[i].type;
        cap[4] = caps[i].type == 5 ? 0 : MODERN_BAR;
        store_le(cap + 8, 4, caps[i].offset);
        store_le(cap + 12, 4, size[caps[i].type]);
    }
    if (!type->config_size)
        f->config[CAP_ISR + 1] = CAP_NOTIFY; /* there is nothing to point at */
    store_le(&f->config[CAP_NOTIFY + 16], 4, NOTIFY_MULTIPLIER);
    f->wmask[CAP_PCI_CFG + 4] = 0xff;
    memset(&f->wmask[CAP_PCI_CFG + 8], 0xff, 12);
}

/* ---- life ---- */

static u32 power_of_two(u32 least)
{
    u32 size = 32;

    while (size < least)
        size *= 2;
    return size;
}

static const char *add_to_pci(struct virtio *v, struct bus *bus)
{
    static const struct io_ops legacy_ops = {legacy_read, legacy_write, 1, 4};
    static const struct mmio_ops modern_ops = {modern_read, modern_write, 1, 4};
    const struct virtio_type *type = v->type;
    struct pci_id id = {.vendor = VENDOR, .class_code = type->class_code, .pin = 1};
    const char *refusal;
    u8 devfn;

    if (!pci_parse_addr(v->addr, &devfn))
        return "addr is no slot of the PCI bus";
    if (v->disable_legacy && v->disable_modern)
        return "disable-legacy and disable-modern leave nothing of it";
    if (!bus->phys)
        return "there is no memory for its rings";
    id.device = v->disable_legacy ? MODERN_DEVICE + type->id : type->pci_device;
    id.revision = v->disable_legacy;
    refusal = pci_func_init(&v->pci, bus, devfn, &id);
    if (refusal)
        return refusal;
    store_le(&v->pci.config[SUBSYSTEM_VENDOR], 2, VENDOR);
    store_le(&v->pci.config[SUBSYSTEM_ID], 2, type->id);
    if (!v->disable_legacy)
        pci_add_io_bar(&v->pci, LEGACY_BAR, power_of_two(LEGACY_CONFIG + type->config_size),
                       &legacy_ops, v);
    if (v->disable_modern)
        return NULL;
    pci_add_mem_bar(&v->pci, MODERN_BAR, MODERN_SIZE, &modern_ops, v);
    add_capabilities(&v->pci, type);
    v->pci.reading = on_config_read;
    v->pci.written = on_config_write;
    return NULL;
}

const char *virtio_init(struct virtio *v, struct dev *dev, const struct virtio_type *type,
                        u64 features)
{
    CHECK(type->queues <= VIRTIO_QUEUES && type->queue_size <= VIRTIO_QUEUE_SIZE &&
              type->config_size <= VIRTIO_CONFIG_MAX,
          "virtio device %u is too large", type->id);
    v->type = type;
    v->opaque = dev;
    v->bus = dev->bus;
    v->offered = features | 1ull << VIRTIO_F_INDIRECT_DESC | 1ull << VIRTIO_F_EVENT_IDX;
    if (!v->disable_modern)
        v->offered |= 1ull << VIRTIO_F_VERSION_1;
    for (u16 i = 0; i < VIRTIO_QUEUES; i++)
        virtq_init(&v->queue[i], v, i);
    return add_to_pci(v, dev->bus);
}

void virtio_reset(struct virtio *v)
{
    v->generation = 0;
    pci_func_reset(&v->pci);
    reset_device(v);
}

bool virtio_valid(const struct virtio *copy)
{
    for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
        u16 size = copy->queue[i].size;
        if ((size & (size - 1)) || size > copy->type->queue_size ||
            (!size && i < copy->type->queues))
            return false;
    }
    return pci_func_valid(&copy->pci);
}

void virtio_loaded(struct virtio *v)
{
    pci_func_loaded(&v->pci);
}
