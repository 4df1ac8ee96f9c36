/* Split virtqueues: VIRTIO 1.1, chapter 2.6. Everything here lies in guest memory and may be
 * nonsense: indexes are cut to the ring's size, a chain has at most VIRTIO_SEGMENTS descriptors and
 * a table of descriptors is not read beyond its end, so that every walk ends. */
#include "devices/virtio.h"

#include "base/bytes.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4, DESC_BYTES = 16 };

#define AVAIL_NO_INTERRUPT 1

struct descriptor {
    u64 addr;
    u32 len;
    u16 flags, next;
};

/* ---- parts of the ring ---- */

static bool read_u16(const struct virtq *q, u64 addr, u16 *value)
{
    u8 bytes[2];

    if (!bus_master_read(q->virtio->bus, q, addr, bytes, sizeof(bytes)))
        return false;
    *value = (u16)load_le(bytes, 2);
    return true;
}

static bool write_u16(const struct virtq *q, u64 addr, u16 value)
{
    u8 bytes[2];

    store_le(bytes, 2, value);
    return bus_master_write(q->virtio->bus, q, addr, bytes, sizeof(bytes));
}

static u64 used_event(const struct virtq *q)
{
    return q->avail + 4 + 2u * q->size;
}

static u64 avail_event(const struct virtq *q)
{
    return q->used + 4 + 8u * q->size;
}

static bool read_descriptor(const struct virtq *q, u64 addr, struct descriptor *d)
{
    u8 bytes[DESC_BYTES];

    if (!bus_master_read(q->virtio->bus, q, addr, bytes, sizeof(bytes)))
        return false;
    d->addr = load_le(bytes, 8);
    d->len = (u32)load_le(bytes + 8, 4);
    d->flags = (u16)load_le(bytes + 12, 2);
    d->next = (u16)load_le(bytes + 14, 2);
    return true;
}

/* ---- taking requests ---- */

/* False: the request has too many segments or bytes, or wants to be written to and then read. */
static bool add_segment(struct virtio_request *r, const struct descriptor *d)
{
    bool in = d->flags & DESC_WRITE;
    u32 *bytes = in ? &r->in_bytes : &r->out_bytes;
    unsigned n = r->outs + r->ins;

    if (n == VIRTIO_SEGMENTS || (!in && r->ins) ||
        d->len > VIRTIO_REQUEST_MAX - r->in_bytes - r->out_bytes)
        return false;
    r->segment[n] = (struct virtio_segment){d->addr, d->len};
    *bytes += d->len;
    if (in)
        r->ins++;
    else
        r->outs++;
    return true;
}

/* Follows a chain through a table of `count` descriptors at `table`, from its descriptor n on. A
 * descriptor that refers to a table ends a chain, and has none such in it. */
static bool walk(const struct virtq *q, struct virtio_request *r, u64 table, u32 count, u32 n,
                 bool indirect)
{
    struct descriptor d;

    for (u32 seen = 0; seen < count; seen++) {
        if (n >= count || !read_descriptor(q, table + (u64)n * DESC_BYTES, &d))
            return false;
        if (d.flags & DESC_INDIRECT) {
            bool allowed = !indirect && !(d.flags & DESC_NEXT) && d.len && d.len % DESC_BYTES == 0;
            return allowed && virtio_has(q->virtio, VIRTIO_F_INDIRECT_DESC) &&
                   walk(q, r, d.addr, d.len / DESC_BYTES, 0, true);
        }
        if (!add_segment(r, &d))
            return false;
        if (!(d.flags & DESC_NEXT))
            return true;
        n = d.next;
    }
    return false; /* it goes round */
}

/* How many requests wait. False: the ring makes no sense. */
static bool waiting(const struct virtq *q, u16 *count)
{
    u16 index;

    if (!read_u16(q, q->avail + 2, &index))
        return false;
    *count = (u16)(index - q->next_avail);
    return *count <= q->size;
}

static bool usable(const struct virtq *q)
{
    const struct virtio *v = q->virtio;
    /* Drivers of the legacy interface notify before they say that they are ready. */
    bool ready = v->status & VIRTIO_DRIVER_OK || !virtio_has(v, VIRTIO_F_VERSION_1);

    return q->enabled && !v->broken && ready;
}

static bool take(struct virtq *q, struct virtio_request *r)
{
    u16 slot = (u16)(q->next_avail & (q->size - 1));

    r->bus = q->virtio->bus;
    r->master = q;
    r->outs = r->ins = 0;
    r->out_bytes = r->in_bytes = r->out_at = r->in_at = 0;
    r->out_pos.n = 0;
    r->out_pos.offset = r->in_pos.offset = 0;
    r->failed = false;
    if (!read_u16(q, q->avail + 4 + 2u * slot, &r->head) ||
        !walk(q, r, q->desc, q->size, r->head, false))
        return false;
    r->in_pos.n = r->outs;
    q->next_avail++;
    return true;
}

bool virtq_waits(struct virtq *q)
{
    u16 count;

    if (!usable(q))
        return false;
    if (!waiting(q, &count)) {
        virtio_break(q->virtio);
        return false;
    }
    if (!count && virtio_has(q->virtio, VIRTIO_F_EVENT_IDX))
        write_u16(q, avail_event(q), q->next_avail); /* of the next one we are to be told */
    return count;
}

bool virtq_pop(struct virtq *q, struct virtio_request *r)
{
    if (!virtq_waits(q))
        return false;
    if (take(q, r))
        return true;
    virtio_break(q->virtio);
    return false;
}

void virtq_unpop(struct virtq *q, u16 n)
{
    q->next_avail = (u16)(q->next_avail - n);
}

/* ---- handing them back ---- */

void virtq_push(struct virtq *q, const struct virtio_request *r, u32 written)
{
    u8 element[8];
    u16 slot = (u16)(q->next_used & (q->size - 1));

    if (!usable(q)) /* another request has broken the device meanwhile */
        return;
    store_le(element, 4, r->head);
    store_le(element + 4, 4, written);
    q->next_used++;
    if (!bus_master_write(q->virtio->bus, q, q->used + 4 + 8u * slot, element, sizeof(element)) ||
        !write_u16(q, q->used + 2, q->next_used))
        virtio_break(q->virtio);
}

/* Has the guest asked to be interrupted for one of what was pushed since it was last asked? */
static bool wants_interrupt(struct virtq *q)
{
    u16 old = q->signalled, pushed = (u16)(q->next_used - old), event;

    q->signalled = q->next_used;
    if (!pushed)
        return false;
    if (!virtio_has(q->virtio, VIRTIO_F_EVENT_IDX))
        return read_u16(q, q->avail, &event) && !(event & AVAIL_NO_INTERRUPT);
    return read_u16(q, used_event(q), &event) && (u16)(event - old) < pushed;
}

void virtq_signal(struct virtq *q)
{
    if (usable(q) && wants_interrupt(q))
        virtio_interrupt(q->virtio, 1);
}

static void on_timer(void *opaque)
{
    struct virtq *q = opaque;
    struct virtio *v = q->virtio;
    u64 more;

    if (!usable(q))
        return;
    more = v->type->serve(v->opaque, q);
    virtq_signal(q);
    if (more && !v->broken)
        timer_arm(&q->timer, clock_now(v->bus->clock) + more);
}

void virtq_kick(struct virtq *q)
{
    if (usable(q) && !q->timer.armed)
        timer_arm(&q->timer, clock_now(q->virtio->bus->clock) + q->virtio->type->latency);
}

void virtq_reset(struct virtq *q)
{
    const struct virtio_type *type = q->virtio->type;

    timer_cancel(&q->timer);
    q->desc = q->avail = q->used = 0;
    q->size = q->index < type->queues ? type->queue_size : 0;
    q->next_avail = q->next_used = q->signalled = 0;
    q->enabled = false;
}

void virtq_init(struct virtq *q, struct virtio *v, u16 index)
{
    q->virtio = v;
    q->index = index;
    timer_init(&q->timer, v->bus->clock, on_timer, q);
}

/* ---- data ---- */

u32 virtio_get(struct virtio_request *r, void *buf, u32 len)
{
    u32 done = 0;

    while (done < len && r->out_at < r->out_bytes) {
        const struct virtio_segment *s = &r->segment[r->out_pos.n];
        u32 left = s->len - r->out_pos.offset, n = left < len - done ? left : len - done;
        if (!bus_master_read(r->bus, r->master, s->addr + r->out_pos.offset, (u8 *)buf + done, n))
            r->failed = true;
        done += n;
        r->out_at += n;
        r->out_pos.offset += n;
        if (r->out_pos.offset == s->len) {
            r->out_pos.n++;
            r->out_pos.offset = 0;
        }
    }
    return done;
}

/* buf NULL: only moves on. */
static u32 put(struct virtio_request *r, const u8 *buf, u32 len)
{
    u32 done = 0;

    while (done < len && r->in_at < r->in_bytes) {
        const struct virtio_segment *s = &r->segment[r->in_pos.n];
        u32 left = s->len - r->in_pos.offset, n = left < len - done ? left : len - done;
        if (buf && !bus_master_write(r->bus, r->master, s->addr + r->in_pos.offset, buf + done, n))
            r->failed = true;
        done += n;
        r->in_at += n;
        r->in_pos.offset += n;
        if (r->in_pos.offset == s->len) {
            r->in_pos.n++;
            r->in_pos.offset = 0;
        }
    }
    return done;
}

u32 virtio_put(struct virtio_request *r, const void *buf, u32 len)
{
    return put(r, buf, len);
}

void virtio_skip_room(struct virtio_request *r, u32 len)
{
    put(r, NULL, len);
}
