/* The configuration device: items that are selected by a key at port 510h and read byte by byte at
 * 511h, or copied into memory by a descriptor whose address is written to 514h. QEMU,
 * docs/specs/fw_cfg.rst.
 *
 * The items are part of the configuration: set before the guest runs and constant from then on.
 * Only the place of reading is state. A descriptor is carried out at once, and reaches RAM only. */
#include "devices/fw_cfg.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

#define SELECT_PORT 0x510
#define DATA_PORT   0x511
#define DMA_PORT    0x514
#define NOTHING     0xffff /* no item has this key */
#define ZEROS       512

enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };

struct item {
    struct item *next;
    const u8 *data;
    u8 *copy; /* data, if it is the device's own */
    u32 len;
    u16 key;
    char name[FW_CFG_NAME_MAX + 1]; /* of a file; else empty */
};

struct fw_cfg {
    struct dev dev;
    struct item *items;
    u16 files;
    u16 key;    /* selected */
    u32 offset; /* of the next byte of it */
    u32 dma_high;
};

static const struct field fw_cfg_fields[] = {
    FIELD(struct fw_cfg, key),
    FIELD(struct fw_cfg, offset),
    FIELD(struct fw_cfg, dma_high),
    FIELD_END,
};

/* ---- items ---- */

static struct item *find(const struct fw_cfg *s, u16 key)
{
    struct item *item = s->items;
    while (item && item->key != key)
        item = item->next;
    return item;
}

static struct item *find_or_add(struct fw_cfg *s, u16 key)
{
    struct item *item = find(s, key);

    if (!item) {
        item = calloc(1, sizeof(*item));
        CHECK(item, "out of memory");
        item->key = key;
        item->next = s->items;
        s->items = item;
    }
    free(item->copy);
    item->copy = NULL;
    return item;
}

void fw_cfg_refer(struct dev *dev, u16 key, const void *data, u32 len)
{
    struct item *item = find_or_add((struct fw_cfg *)dev, key);

    item->data = data;
    item->len = len;
}

void fw_cfg_set(struct dev *dev, u16 key, const void *data, u32 len)
{
    struct item *item = find_or_add((struct fw_cfg *)dev, key);

    item->copy = malloc(len ? len : 1);
    CHECK(item->copy, "out of memory");
    memcpy(item->copy, data, len);
    item->data = item->copy;
    item->len = len;
}

void fw_cfg_set_int(struct dev *dev, u16 key, u64 value, unsigned size)
{
    u8 bytes[8];

    store_le(bytes, size, value);
    fw_cfg_set(dev, key, bytes, size);
}

/* The directory: a count, then for each file its size, key, two reserved bytes and its name. */
static void set_directory(struct fw_cfg *s)
{
    static u8 const none[4];
    u8 dir[4 + 64 * FW_CFG_FILES_MAX] = {0};

    store_be(dir, 4, s->files);
    for (unsigned i = 0; i < s->files; i++) {
        const struct item *file = find(s, (u16)(FW_CFG_FILE_FIRST + i));
        u8 *entry = dir + 4 + 64 * i;
        store_be(entry, 4, file->len);
        store_be(entry + 4, 2, file->key);
        memcpy(entry + 8, file->name, sizeof(file->name));
    }
    fw_cfg_set(&s->dev, FW_CFG_FILE_DIR, s->files ? dir : none, 4 + 64u * s->files);
}

static u16 key_of_file(struct fw_cfg *s, const char *name)
{
    for (const struct item *item = s->items; item; item = item->next) {
        if (!strcmp(item->name, name))
            return item->key;
    }
    CHECK(s->files < FW_CFG_FILES_MAX, "more than %u configuration files", FW_CFG_FILES_MAX);
    return (u16)(FW_CFG_FILE_FIRST + s->files++);
}

void fw_cfg_set_file(struct dev *dev, const char *name, const void *data, u32 len)
{
    struct fw_cfg *s = (struct fw_cfg *)dev;
    u16 key = key_of_file(s, name);

    CHECK(*name && strlen(name) <= FW_CFG_NAME_MAX, "configuration file '%s'", name);
    fw_cfg_set(dev, key, data, len);
    strcpy(find(s, key)->name, name);
    set_directory(s);
}

/* ---- reading ---- */

/* Bit 14 once asked for writing, which nothing answers to any more. */
static void select_key(struct fw_cfg *s, u32 key)
{
    u16 plain = (u16)(key & 0xbfff);
    s->key = find(s, plain) ? plain : NOTHING;
    s->offset = 0;
}

/* What is left of the selected item. */
static u32 left(const struct fw_cfg *s, const u8 **data)
{
    const struct item *item = find(s, s->key);

    if (!item || s->offset >= item->len)
        return 0;
    *data = item->data + s->offset;
    return item->len - s->offset;
}

static void select_write(void *opaque, u16 port, unsigned size, u32 value)
{
    (void)port;
    (void)size;
    select_key(opaque, value);
}

static u32 data_read(void *opaque, u16 port, unsigned size)
{
    struct fw_cfg *s = opaque;
    const u8 *data;
    (void)port;
    (void)size;
    if (!left(s, &data))
        return 0; /* beyond the end, and where there is no item */
    s->offset++;
    return *data;
}

/* ---- descriptors ---- */

/* Beyond the end of an item there are zeros. False where there is no RAM. */
static bool store_zeros(struct fw_cfg *s, u64 addr, u32 len)
{
    static const u8 zeros[ZEROS];

    while (len) {
        u32 n = len < ZEROS ? len : ZEROS;
        if (!bus_master_write(s->dev.bus, s, addr, zeros, n))
            return false;
        addr += n;
        len -= n;
    }
    return true;
}

static bool transfer(struct fw_cfg *s, u32 control, u64 addr, u32 len)
{
    const u8 *data = NULL;
    u32 n = left(s, &data);

    n = n < len ? n : len;
    if (control & DMA_READ) {
        if (n && !bus_master_write(s->dev.bus, s, addr, data, n))
            return false;
        s->offset += n;
        return store_zeros(s, addr + n, len - n);
    }
    if (control & DMA_WRITE)
        return !len; /* no item can be written to */
    if (control & DMA_SKIP)
        s->offset += n;
    return true;
}

/* Big-endian: control, whose upper half is a key, length, address. The control word is written
 * back: 0, or the error bit. */
static void run_descriptor(struct fw_cfg *s, u64 at)
{
    u8 descriptor[16], answer[4];
    bool ok = bus_master_read(s->dev.bus, s, at, descriptor, sizeof(descriptor));

    if (ok) {
        u32 control = (u32)load_be(descriptor, 4);
        if (control & DMA_SELECT)
            select_key(s, control >> 16);
        ok = transfer(s, control, load_be(descriptor + 8, 8), (u32)load_be(descriptor + 4, 4));
    }
    store_be(answer, 4, ok ? 0 : DMA_ERROR);
    bus_master_write(s->dev.bus, s, at, answer, sizeof(answer));
}

static u32 dma_read(void *opaque, u16 port, unsigned size)
{
    static const u8 signature[8] = "QEMU CFG";
    unsigned at = port - DMA_PORT;
    (void)opaque;
    return (u32)load_le(signature + at, at + size > 8 ? 8 - at : size);
}

/* The address is big-endian, its high half first; the low half starts the transfer. */
static void dma_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct fw_cfg *s = opaque;
    u32 half = __builtin_bswap32(value);

    if (size != 4)
        return;
    if (port == DMA_PORT) {
        s->dma_high = half;
    } else if (port == DMA_PORT + 4) {
        u64 at = (u64)s->dma_high << 32 | half;
        s->dma_high = 0;
        run_descriptor(s, at);
    }
}

/* ---- life ---- */

static void fw_cfg_reset(struct dev *dev)
{
    struct fw_cfg *s = (struct fw_cfg *)dev;
    s->dma_high = 0;
    select_key(s, FW_CFG_SIGNATURE);
}

static const char *fw_cfg_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops select_ops = {.write = select_write, .min_size = 2, .max_size = 2};
    static const struct io_ops data_ops = {.read = data_read};
    static const struct io_ops dma_ops = {
        .read = dma_read, .write = dma_write, .min_size = 1, .max_size = 4};

    bus_claim_io(bus, SELECT_PORT, 1, &select_ops, dev);
    bus_claim_io(bus, DATA_PORT, 1, &data_ops, dev);
    bus_claim_io(bus, DMA_PORT, 8, &dma_ops, dev);
    fw_cfg_set(dev, FW_CFG_SIGNATURE, "QEMU", 4);
    fw_cfg_set_int(dev, FW_CFG_VERSION, 3, 4); /* ports, and descriptors */
    set_directory((struct fw_cfg *)dev);
    return NULL;
}

static void fw_cfg_destroy(struct dev *dev)
{
    struct fw_cfg *s = (struct fw_cfg *)dev;

    for (struct item *item = s->items, *next; item; item = next) {
        next = item->next;
        free(item->copy);
        free(item);
    }
}

const struct dev_type dev_fw_cfg = {
    .name = FW_CFG_ID,
    .on_board = true,
    .size = sizeof(struct fw_cfg),
    .version = 1,
    .fields = fw_cfg_fields,
    .init = fw_cfg_init,
    .reset = fw_cfg_reset,
    .destroy = fw_cfg_destroy,
};
