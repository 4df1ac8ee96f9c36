/* virtio-blk: VIRTIO 1.1, chapter 5.2. One queue; requests are carried out in order, as many at a
 * moment of virtual time as fit its share of bytes, so that a long queue takes its time as the disk
 * of a fast machine would.
 *
 * Discarding and writing zeros are the same: what is discarded reads as zeros, in every run. */
#include "devices/virtio.h"

#include <string.h>

#include "base/bytes.h"
#include "devices/core/blk.h"

enum feature {
    F_SIZE_MAX = 1,
    F_SEG_MAX = 2,
    F_GEOMETRY = 4,
    F_RO = 5,
    F_BLK_SIZE = 6,
    F_FLUSH = 9,
    F_TOPOLOGY = 10,
    F_CONFIG_WCE = 11,
    F_DISCARD = 13,
    F_WRITE_ZEROES = 14,
};

enum { T_IN, T_OUT, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };

enum status { S_OK, S_IOERR, S_UNSUPP };

/* Offsets in the configuration. */
enum {
    C_CAPACITY = 0,
    C_SIZE_MAX = 8,
    C_SEG_MAX = 12,
    C_CYLINDERS = 16,
    C_HEADS = 18,
    C_SECTORS = 19,
    C_BLK_SIZE = 20,
    C_TOPOLOGY = 24, /* exponent of the physical block, alignment; u16 least, u32 best transfer */
    C_WRITEBACK = 32,
    C_QUEUES = 34,
    C_MAX_DISCARD = 36, /* sectors, ranges, alignment */
    C_MAX_ZEROES = 48,  /* sectors, ranges, may unmap */
    C_SIZE = 60,
};

#define HEADER       16
#define RANGE        16 /* of a discard */
#define UNMAP        1u
#define ID_BYTES     20
#define BOUNCE       128u /* sectors */
#define MAX_ZERO     (1u << 18)
#define SHARE        (1u << 20) /* bytes at one moment */
#define LATENCY_NS   10000
#define BYTES_PER_NS 4

struct virtio_blk {
    struct dev dev;
    struct virtio virtio;
    struct blk_log log;

    /* Set by init. */
    struct blk *drive;
    char *serial;
    u32 logical_block_size;
    u8 bounce[BOUNCE * BLK_SECTOR];
};

static const struct field virtio_blk_fields[] = {
    FIELD_SUB(struct virtio_blk, virtio, virtio_fields),
    FIELD_SUB(struct virtio_blk, log, blk_log_fields),
    FIELD_END,
};

static const struct prop virtio_blk_props[] = {
    VIRTIO_PROPS(struct virtio_blk),
    PROP_OBJECT(struct virtio_blk, drive, BLK_KIND),
    PROP_STR(struct virtio_blk, serial, NULL),
    PROP_U32(struct virtio_blk, logical_block_size, "512"),
    PROP_END,
};

/* ---- requests ---- */

struct blk_request {
    struct virtio_request r;
    u32 type;
    u64 sector;
    u32 in;   /* bytes of data that the driver wants; the status byte comes after them */
    u64 work; /* bytes moved, of a request that failed too */
};

/* Whole blocks of the size that the disk says it has. */
static bool is_whole(const struct virtio_blk *s, const struct blk_request *q, u32 len)
{
    return len % s->logical_block_size == 0 &&
           q->sector % (s->logical_block_size / BLK_SECTOR) == 0;
}

static enum status do_read(struct virtio_blk *s, struct blk_request *q)
{
    if (!is_whole(s, q, q->in))
        return S_IOERR;
    for (u32 left = q->in / BLK_SECTOR; left;) {
        u32 n = left < BOUNCE ? left : BOUNCE;
        if (!blk_read(s->drive, q->sector, s->bounce, n))
            return S_IOERR;
        virtio_put(&q->r, s->bounce, n * BLK_SECTOR);
        q->work += n * BLK_SECTOR;
        if (q->r.failed)
            return S_IOERR;
        q->sector += n;
        left -= n;
    }
    return S_OK;
}

/* Without a cache that the driver knows how to flush, everything is on the disk at once. */
static bool is_cached(const struct virtio_blk *s)
{
    return virtio_has(&s->virtio, F_FLUSH) && s->virtio.config[C_WRITEBACK] & 1;
}

static enum status do_write(struct virtio_blk *s, struct blk_request *q)
{
    u32 len = q->r.out_bytes - HEADER;

    if (!is_whole(s, q, len))
        return S_IOERR;
    for (u32 left = len / BLK_SECTOR; left;) {
        u32 n = left < BOUNCE ? left : BOUNCE;
        virtio_get(&q->r, s->bounce, n * BLK_SECTOR);
        q->work += n * BLK_SECTOR;
        if (q->r.failed || !blk_write(s->drive, q->sector, s->bounce, n))
            return S_IOERR;
        q->sector += n;
        left -= n;
    }
    return is_cached(s) || blk_flush(s->drive) ? S_OK : S_IOERR;
}

static enum status do_flush(struct virtio_blk *s, struct blk_request *q)
{
    q->work = SHARE; /* a disk takes its time for that */
    return blk_flush(s->drive) ? S_OK : S_IOERR;
}

static enum status do_get_id(struct virtio_blk *s, struct blk_request *q)
{
    u8 id[ID_BYTES] = {0};
    size_t len = s->serial ? strlen(s->serial) : 0;

    memcpy(id, s->serial ? s->serial : "", len < sizeof(id) ? len : sizeof(id));
    virtio_put(&q->r, id, q->in < sizeof(id) ? q->in : sizeof(id));
    return S_OK;
}

/* One range, as the configuration says. */
static enum status do_zero(struct virtio_blk *s, struct blk_request *q)
{
    u8 range[RANGE];
    u32 count, flags;

    if (q->r.out_bytes != HEADER + RANGE || virtio_get(&q->r, range, RANGE) != RANGE)
        return S_UNSUPP;
    q->sector = load_le(range, 8);
    count = (u32)load_le(range + 8, 4);
    flags = (u32)load_le(range + 12, 4);
    if (flags & ~(q->type == T_WRITE_ZEROES ? UNMAP : 0))
        return S_UNSUPP;
    if (q->r.failed || count > MAX_ZERO || !is_whole(s, q, count * BLK_SECTOR) ||
        !blk_zero(s->drive, q->sector, count))
        return S_IOERR;
    q->work = (u64)count * BLK_SECTOR;
    return is_cached(s) || blk_flush(s->drive) ? S_OK : S_IOERR;
}

static enum status carry_out(struct virtio_blk *s, struct blk_request *q)
{
    static const struct {
        u32 type;
        enum status (*fn)(struct virtio_blk *s, struct blk_request *q);
    } table[] = {
        {T_IN, do_read},       {T_OUT, do_write},    {T_FLUSH, do_flush},
        {T_GET_ID, do_get_id}, {T_DISCARD, do_zero}, {T_WRITE_ZEROES, do_zero},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].type == q->type)
            return table[i].fn(s, q);
    }
    return S_UNSUPP;
}

/* Returns the bytes moved. A request without header or room for its status breaks the device. */
static u64 serve_one(struct virtio_blk *s, struct virtq *vq, struct blk_request *q)
{
    u8 header[HEADER], status;

    q->work = 0;
    if (virtio_get(&q->r, header, HEADER) < HEADER || !q->r.in_bytes) {
        virtio_break(&s->virtio);
        return 0;
    }
    q->type = (u32)load_le(header, 4);
    q->sector = load_le(header + 8, 8);
    q->in = q->r.in_bytes - 1;
    status = q->r.failed ? S_IOERR : (u8)carry_out(s, q);
    virtio_skip_room(&q->r, q->in - q->r.in_at);
    virtio_put(&q->r, &status, 1);
    virtq_push(vq, &q->r, status == S_OK ? q->r.in_bytes : 1);
    return q->work;
}

static u64 blk_serve(void *opaque, struct virtq *vq)
{
    struct virtio_blk *s = opaque;
    struct blk_request q;
    u64 bytes = 0;

    while (bytes < SHARE) {
        if (!virtq_pop(vq, &q.r))
            return 0;
        bytes += serve_one(s, vq, &q);
    }
    return bytes / BYTES_PER_NS;
}

/* ---- life ---- */

/* As a BIOS of the nineties would see it: 16 heads, 63 sectors. */
static void describe(struct virtio_blk *s)
{
    u8 *c = s->virtio.config;
    u64 sectors = blk_sectors(s->drive), cylinders = sectors / (16 * 63);

    store_le(c + C_CAPACITY, 8, sectors);
    store_le(c + C_SIZE_MAX, 4, 256u << 10);
    store_le(c + C_SEG_MAX, 4, VIRTIO_QUEUE_SIZE - 2);
    store_le(c + C_CYLINDERS, 2, cylinders < 2 ? 2 : cylinders > 16383 ? 16383 : cylinders);
    c[C_HEADS] = 16;
    c[C_SECTORS] = 63;
    store_le(c + C_BLK_SIZE, 4, s->logical_block_size);
    store_le(c + C_TOPOLOGY + 2, 2, 1); /* least transfer: a block */
    store_le(c + C_QUEUES, 2, 1);
    store_le(c + C_MAX_DISCARD, 4, MAX_ZERO);
    store_le(c + C_MAX_DISCARD + 4, 4, 1);
    store_le(c + C_MAX_DISCARD + 8, 4, s->logical_block_size / BLK_SECTOR);
    store_le(c + C_MAX_ZEROES, 4, MAX_ZERO);
    store_le(c + C_MAX_ZEROES + 4, 4, 1);
    c[C_MAX_ZEROES + 8] = 1;
}

static void reset_disk(void *opaque)
{
    ((struct virtio_blk *)opaque)->virtio.config[C_WRITEBACK] = 1;
}

static void virtio_blk_reset(struct dev *dev)
{
    virtio_reset(&((struct virtio_blk *)dev)->virtio);
}

static bool virtio_blk_valid(const struct dev *copy)
{
    const struct virtio_blk *s = (const struct virtio_blk *)copy;
    return virtio_valid(&s->virtio);
}

static void virtio_blk_loaded(struct dev *dev)
{
    virtio_loaded(&((struct virtio_blk *)dev)->virtio);
}

static const char *virtio_blk_init(struct dev *dev, struct bus *bus)
{
    static const struct virtio_type type = {
        .id = 2,
        .pci_device = 0x1001,
        .class_code = 0x010000,
        .queues = 1,
        .queue_size = VIRTIO_QUEUE_SIZE,
        .config_size = C_SIZE,
        .latency = LATENCY_NS,
        .serve = blk_serve,
        .reset = reset_disk,
    };
    u64 features = 1u << F_SIZE_MAX | 1u << F_SEG_MAX | 1u << F_GEOMETRY | 1u << F_BLK_SIZE |
                   1u << F_FLUSH | 1u << F_TOPOLOGY | 1u << F_CONFIG_WCE;
    struct virtio_blk *s = (struct virtio_blk *)dev;
    u32 block = s->logical_block_size;

    (void)bus;
    if (!s->drive)
        return "it needs a drive, drive=ID";
    if (blk_is_attached(s->drive))
        return "its drive is in use";
    if (block < BLK_SECTOR || block > 32768 || block & (block - 1))
        return "logical_block_size is no power of two from 512 to 32768";
    if (blk_sectors(s->drive) % (block / BLK_SECTOR))
        return "its image is not a multiple of logical_block_size";
    features |= blk_is_writable(s->drive) ? 1u << F_DISCARD | 1u << F_WRITE_ZEROES : 1u << F_RO;
    blk_attach(s->drive, &s->log);
    describe(s);
    s->virtio.config_wmask[C_WRITEBACK] = 1;
    return virtio_init(&s->virtio, dev, &type, features);
}

const struct dev_type dev_virtio_blk = {
    .name = "virtio-blk-pci",
    .size = sizeof(struct virtio_blk),
    .version = 1,
    .fields = virtio_blk_fields,
    .props = virtio_blk_props,
    .init = virtio_blk_init,
    .reset = virtio_blk_reset,
    .loaded = virtio_blk_loaded,
    .valid = virtio_blk_valid,
};
